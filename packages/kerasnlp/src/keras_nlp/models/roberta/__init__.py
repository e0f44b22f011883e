"""RoBERTa and XLM-RoBERTa: what they are made of and what they can load."""

from domain_core import register_family
from keras_nlp.models.bert_like import SHARDING
from keras_nlp.models.roberta import convert, presets
from keras_nlp.models.roberta.backbone import RobertaBackbone, XLMRobertaBackbone
from keras_nlp.models.roberta.tasks import *

__all__ = [
    "RobertaBackbone",
    "RobertaClassifier",
    "RobertaClassifierPreprocessor",
    "RobertaMaskedLM",
    "RobertaMaskedLMPreprocessor",
    "RobertaTextEmbedder",
    "RobertaTextEmbedderPreprocessor",
    "RobertaTokenizer",
    "XLMRobertaBackbone",
    "XLMRobertaClassifier",
    "XLMRobertaClassifierPreprocessor",
    "XLMRobertaMaskedLM",
    "XLMRobertaMaskedLMPreprocessor",
    "XLMRobertaTextEmbedder",
    "XLMRobertaTextEmbedderPreprocessor",
    "XLMRobertaTokenizer",
]

register_family(
    RobertaBackbone,
    tasks=convert.ROBERTA_TASKS,
    presets=presets.ROBERTA,
    converters=convert.ROBERTA,
    sharding=SHARDING,
    package="kerasnlp",
)
register_family(
    XLMRobertaBackbone,
    tasks=convert.XLM_ROBERTA_TASKS,
    presets=presets.XLM_ROBERTA,
    converters=convert.XLM_ROBERTA,
    sharding=SHARDING,
    package="kerasnlp",
)
