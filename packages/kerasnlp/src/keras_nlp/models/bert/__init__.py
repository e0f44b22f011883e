"""BERT: what it is made of and what it can load."""

from domain_core import register_family
from keras_nlp.models.bert import convert, presets, tasks
from keras_nlp.models.bert.backbone import BertBackbone
from keras_nlp.models.bert.tasks import *

__all__ = [
    "BertBackbone",
    "BertClassifier",
    "BertClassifierPreprocessor",
    "BertMaskedLM",
    "BertMaskedLMPreprocessor",
    "BertQuestionAnswerer",
    "BertQuestionAnswererPreprocessor",
    "BertTextEmbedder",
    "BertTextEmbedderPreprocessor",
    "BertTokenizer",
]

register_family(
    BertBackbone,
    tasks=(
        tasks.BertClassifier,
        tasks.BertMaskedLM,
        tasks.BertQuestionAnswerer,
        tasks.BertTextEmbedder,
    ),
    presets=presets.PRESETS,
    converters=(convert.FROM_TRANSFORMERS, convert.FROM_KERAS),
    sharding=convert.SHARDING,
    package="kerasnlp",
)
