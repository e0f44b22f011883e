"""Tokenizers: text to ids and back."""

import sys
from typing import Any

from domain_core import Tokenizer as Tokenizer
from keras_nlp.tokenizers.byte_tokenizer import ByteTokenizer as ByteTokenizer
from keras_nlp.tokenizers.sentence_piece_tokenizer import (
    SentencePieceTokenizer as SentencePieceTokenizer,
)
from keras_nlp.tokenizers.unicode_codepoint_tokenizer import (
    UnicodeCodepointTokenizer as UnicodeCodepointTokenizer,
)
from keras_nlp.tokenizers.word_piece_tokenizer import (
    WordPieceTokenizer as WordPieceTokenizer,
)


def __getattr__(name: str) -> Any:
    """Returns the tokenizer of a model, as upstream exports them here too.

    They live with their models, which stand on this package and not below it.
    """
    if name.endswith("Tokenizer") and "keras_nlp.models" in sys.modules:
        return getattr(sys.modules["keras_nlp.models"], name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
