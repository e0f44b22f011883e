"""RoBERTa in Hugging Face's layout."""

from __future__ import annotations

from domain_core.presets.transformers.tokenizer_files import (
    byte_pair_arguments,
    write_byte_pair,
)
from keras_nlp.models.roberta.tokenizer import RobertaTokenizer
from keras_nlp.models.roberta_converters import transformers_converter

FROM_TRANSFORMERS = transformers_converter(
    "roberta",
    "Roberta",
    RobertaTokenizer,
    tokenizer=byte_pair_arguments(
        tuple(RobertaTokenizer.named_tokens.values()), RobertaTokenizer.strip_left
    ),
    write_tokenizer=write_byte_pair,
)
