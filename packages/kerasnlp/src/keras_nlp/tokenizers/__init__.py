"""Tokenizers: text to ids and back."""

import sys
from typing import Any

from domain_core import Tokenizer as Tokenizer
from keras_nlp.tokenizers.byte_pair_tokenizer import (
    BytePairTokenizer as BytePairTokenizer,
)
from keras_nlp.tokenizers.byte_pair_trainer import (
    compute_byte_pair_vocabulary as compute_byte_pair_vocabulary,
)
from keras_nlp.tokenizers.byte_tokenizer import ByteTokenizer as ByteTokenizer
from keras_nlp.tokenizers.sentence_piece_tokenizer import (
    SentencePieceTokenizer as SentencePieceTokenizer,
)
from keras_nlp.tokenizers.sentence_piece_trainer import (
    compute_sentence_piece_proto as compute_sentence_piece_proto,
)
from keras_nlp.tokenizers.unicode_codepoint_tokenizer import (
    UnicodeCodepointTokenizer as UnicodeCodepointTokenizer,
)
from keras_nlp.tokenizers.word_piece_tokenizer import (
    WordPieceTokenizer as WordPieceTokenizer,
)
from keras_nlp.tokenizers.word_piece_trainer import (
    compute_word_piece_vocabulary as compute_word_piece_vocabulary,
)


def __getattr__(name: str) -> Any:
    """Returns the tokenizer of a model, as upstream exports them here too.

    They live with their models, which stand on this package and not below it.
    """
    if name.endswith("Tokenizer") and "keras_nlp.models" in sys.modules:
        return getattr(sys.modules["keras_nlp.models"], name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
