"""Tokenizers: text to ids and back."""

import sys
from typing import Any

from domain_core.tokenizers import BytePairTokenizer as BytePairTokenizer
from domain_core.tokenizers import ByteTokenizer as ByteTokenizer
from domain_core.tokenizers import SentencePieceTokenizer as SentencePieceTokenizer
from domain_core.tokenizers import Tokenizer as Tokenizer
from domain_core.tokenizers import (
    UnicodeCodepointTokenizer as UnicodeCodepointTokenizer,
)
from domain_core.tokenizers import WordPieceTokenizer as WordPieceTokenizer
from domain_core.tokenizers import (
    compute_byte_pair_vocabulary as compute_byte_pair_vocabulary,
)
from domain_core.tokenizers import (
    compute_sentence_piece_proto as compute_sentence_piece_proto,
)
from domain_core.tokenizers import (
    compute_word_piece_vocabulary as compute_word_piece_vocabulary,
)


def __getattr__(name: str) -> Any:
    """Returns the tokenizer of a model, as upstream exports them here too.

    They live with their models, which stand on this package and not below it.
    """
    if name.endswith("Tokenizer") and "keras_nlp.models" in sys.modules:
        return getattr(sys.modules["keras_nlp.models"], name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
