"""T5: what it is made of."""

from domain_core import register_family
from keras_nlp.models.t5 import convert, presets
from keras_nlp.models.t5.backbone import T5Backbone as T5Backbone
from keras_nlp.models.t5.tasks import T5Seq2SeqLM as T5Seq2SeqLM
from keras_nlp.models.t5.tasks import (
    T5Seq2SeqLMPreprocessor as T5Seq2SeqLMPreprocessor,
)
from keras_nlp.models.t5.tokenizer import T5Tokenizer as T5Tokenizer

__all__ = [
    "T5Backbone",
    "T5Seq2SeqLM",
    "T5Seq2SeqLMPreprocessor",
    "T5Tokenizer",
]

register_family(
    T5Backbone,
    tasks=(T5Seq2SeqLM,),
    presets=presets.PRESETS,
    converters=convert.CONVERTERS,
    sharding=convert.SHARDING,
    package="kerasnlp",
)
