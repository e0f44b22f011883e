"""Text models: backbones, tasks, and what feeds them."""

from domain_core import Backbone as Backbone
from domain_core import Preprocessor as Preprocessor
from domain_core import Task as Task
from domain_core import Tokenizer as Tokenizer
from keras_nlp.models.aliases import *
from keras_nlp.models.bart import *
from keras_nlp.models.bert import *
from keras_nlp.models.causal_lm import CausalLM as CausalLM
from keras_nlp.models.causal_lm_preprocessor import (
    CausalLMPreprocessor as CausalLMPreprocessor,
)
from keras_nlp.models.distil_bert import *
from keras_nlp.models.gemma import *
from keras_nlp.models.gpt2 import *
from keras_nlp.models.llama import *
from keras_nlp.models.masked_lm import MaskedLM as MaskedLM
from keras_nlp.models.masked_lm_preprocessor import (
    MaskedLMPreprocessor as MaskedLMPreprocessor,
)
from keras_nlp.models.mistral import *
from keras_nlp.models.phi3 import *
from keras_nlp.models.question_answerer import Answer as Answer
from keras_nlp.models.question_answerer import QuestionAnswerer as QuestionAnswerer
from keras_nlp.models.question_answerer_preprocessor import (
    QuestionAnswererPreprocessor as QuestionAnswererPreprocessor,
)
from keras_nlp.models.qwen2 import *
from keras_nlp.models.qwen3 import *
from keras_nlp.models.roberta import *
from keras_nlp.models.seq2seq_backbone import Seq2SeqBackbone as Seq2SeqBackbone
from keras_nlp.models.seq2seq_lm import Seq2SeqLM as Seq2SeqLM
from keras_nlp.models.seq2seq_lm_preprocessor import (
    Seq2SeqLMPreprocessor as Seq2SeqLMPreprocessor,
)
from keras_nlp.models.t5 import *
from keras_nlp.models.text_classifier import TextClassifier as TextClassifier
from keras_nlp.models.text_classifier_preprocessor import (
    TextClassifierPreprocessor as TextClassifierPreprocessor,
)
from keras_nlp.models.text_embedder import TextEmbedder as TextEmbedder
from keras_nlp.models.text_embedder_preprocessor import (
    TextEmbedderPreprocessor as TextEmbedderPreprocessor,
)


def __getattr__(name: str) -> None:
    advice = ""
    if name == "RetinaNet":  # a slip of the paper
        advice = (
            " It finds objects in images: `pip install kerascv`, and use "
            "`keras_cv.models.RetinaNet`."
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.{advice}")
