"""XLM-RoBERTa in Hugging Face's layout."""

from __future__ import annotations

from domain_core.presets.transformers.tokenizer_files import (
    sentence_piece_arguments,
    write_sentence_piece,
)
from keras_nlp.models.roberta_converters import transformers_converter
from keras_nlp.models.xlm_roberta.tokenizer import XLMRobertaTokenizer

FROM_TRANSFORMERS = transformers_converter(
    "xlm-roberta",
    "XLMRoberta",
    XLMRobertaTokenizer,
    tokenizer=sentence_piece_arguments,
    write_tokenizer=write_sentence_piece,
)
