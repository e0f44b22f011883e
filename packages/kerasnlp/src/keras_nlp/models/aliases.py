"""Names that KerasNLP 0.14 and 0.15 gave to classes of ours."""

from keras_nlp.models.bert import BertClassifier, BertClassifierPreprocessor
from keras_nlp.models.causal_lm_preprocessor import without_labels
from keras_nlp.models.distil_bert import (
    DistilBertClassifier,
    DistilBertClassifierPreprocessor,
)
from keras_nlp.models.gemma import GemmaCausalLMPreprocessor
from keras_nlp.models.gpt2 import GPT2CausalLMPreprocessor
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
