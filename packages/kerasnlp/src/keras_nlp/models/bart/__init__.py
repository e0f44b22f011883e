"""BART: what it is made of."""

from domain_core import register_family
from keras_nlp.models.bart import convert, presets
from keras_nlp.models.bart.backbone import BartBackbone as BartBackbone
from keras_nlp.models.bart.tasks import BartPreprocessor as BartPreprocessor
from keras_nlp.models.bart.tasks import BartSeq2SeqLM as BartSeq2SeqLM
from keras_nlp.models.bart.tasks import (
    BartSeq2SeqLMPreprocessor as BartSeq2SeqLMPreprocessor,
)
from keras_nlp.models.bart.tokenizer import BartTokenizer as BartTokenizer

__all__ = [
    "BartBackbone",
    "BartPreprocessor",
    "BartSeq2SeqLM",
    "BartSeq2SeqLMPreprocessor",
    "BartTokenizer",
]

register_family(
    BartBackbone,
    tasks=(BartSeq2SeqLM,),
    presets=presets.PRESETS,
    converters=convert.CONVERTERS,
    sharding=convert.SHARDING,
    package="kerasnlp",
)
