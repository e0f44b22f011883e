"""Names that KerasNLP 0.14 and 0.15 gave to classes of ours."""

from keras_nlp.models.bert import BertClassifier, BertClassifierPreprocessor
from keras_nlp.models.causal_lm_preprocessor import without_labels
from keras_nlp.models.distil_bert import (
    DistilBertClassifier,
    DistilBertClassifierPreprocessor,
)
from keras_nlp.models.gemma import GemmaCausalLMPreprocessor
from keras_nlp.models.gpt2 import GPT2CausalLMPreprocessor
from keras_nlp.models.llama import (
    Llama3CausalLMPreprocessor,
    LlamaCausalLMPreprocessor,
)
from keras_nlp.models.mistral import MistralCausalLMPreprocessor
from keras_nlp.models.phi3 import Phi3CausalLMPreprocessor
from keras_nlp.models.roberta import (
    RobertaClassifier,
    RobertaClassifierPreprocessor,
    XLMRobertaClassifier,
    XLMRobertaClassifierPreprocessor,
)
from keras_nlp.models.text_classifier import TextClassifier

BertTextClassifier = BertClassifier
BertTextClassifierPreprocessor = BertClassifierPreprocessor
BertPreprocessor = BertClassifierPreprocessor
DistilBertTextClassifier = DistilBertClassifier
DistilBertTextClassifierPreprocessor = DistilBertClassifierPreprocessor
DistilBertPreprocessor = DistilBertClassifierPreprocessor
RobertaTextClassifier = RobertaClassifier
RobertaTextClassifierPreprocessor = RobertaClassifierPreprocessor
RobertaPreprocessor = RobertaClassifierPreprocessor
XLMRobertaTextClassifier = XLMRobertaClassifier
XLMRobertaTextClassifierPreprocessor = XLMRobertaClassifierPreprocessor
XLMRobertaPreprocessor = XLMRobertaClassifierPreprocessor
Classifier = TextClassifier
GemmaPreprocessor = without_labels(GemmaCausalLMPreprocessor)
GPT2Preprocessor = without_labels(GPT2CausalLMPreprocessor)
LlamaPreprocessor = without_labels(LlamaCausalLMPreprocessor)
Llama3Preprocessor = without_labels(Llama3CausalLMPreprocessor)
MistralPreprocessor = without_labels(MistralCausalLMPreprocessor)
Phi3Preprocessor = without_labels(Phi3CausalLMPreprocessor)
