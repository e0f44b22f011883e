"""DistilBERT: what it is made of and what it can load."""

from domain_core import register_family
from keras_nlp.models.bert_like import SHARDING
from keras_nlp.models.distil_bert import convert, presets, tasks
from keras_nlp.models.distil_bert.backbone import DistilBertBackbone
from keras_nlp.models.distil_bert.tasks import *

__all__ = [
    "DistilBertBackbone",
    "DistilBertClassifier",
    "DistilBertClassifierPreprocessor",
    "DistilBertMaskedLM",
    "DistilBertMaskedLMPreprocessor",
    "DistilBertTextEmbedder",
    "DistilBertTextEmbedderPreprocessor",
    "DistilBertTokenizer",
]

register_family(
    DistilBertBackbone,
    tasks=(
        tasks.DistilBertClassifier,
        tasks.DistilBertMaskedLM,
        tasks.DistilBertTextEmbedder,
    ),
    presets=presets.PRESETS,
    converters=(convert.FROM_TRANSFORMERS, convert.FROM_KERAS),
    sharding=SHARDING,
    package="kerasnlp",
)
