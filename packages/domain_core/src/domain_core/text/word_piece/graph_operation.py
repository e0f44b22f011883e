"""The operation of TensorFlow Text that looks for the pieces of words."""

from __future__ import annotations

import string
from typing import Any

import numpy as np

from domain_core.text.word_piece.bert_engine import BertWordPieceEngine
from domain_core.text.word_piece.engine import WordPieceEngine

_SIGNS = frozenset(string.punctuation)
# The most bytes of a token that TensorFlow Text takes.
_LONGEST_TOKEN = 256


class WordPieceOperation:
    """Turns words into ids.

    Args:
        engine: says how tokens are written.
        max_bytes: of a word; longer ones are unknown.
        split: take plain ASCII, and find words at white space and punctuation; only
            where `can_split` says so.

    Raises:
        ValueError: if TensorFlow Text does not take the vocabulary.
    """

    def __init__(
        self, engine: WordPieceEngine, max_bytes: int, *, split: bool = False
    ) -> None:
        import tensorflow as tf
        import tensorflow_text

        tokens = _words_in_vocabulary(engine, max_bytes)
        if split:
            # Others confuse it, even if no text holds them.
            tokens = [t for t in tokens if _is_plain(t, engine.suffix_indicator)]
        ids = {token: index for index, token in enumerate(engine.vocabulary)}
        # Tokens are numbered anew. The first is longer than all words.
        unknown = "x" * 200
        self._ids = np.array([ids[engine.oov_token], *map(ids.get, tokens)], np.int32)
        try:
            # Not as part of a graph that is being traced.
            with tf.init_scope():
                self._operation = tensorflow_text.FastWordpieceTokenizer(
                    [unknown, *tokens],
                    suffix_indicator=engine.suffix_indicator,
                    max_bytes_per_word=max_bytes,
                    token_out_type=tf.int32,
                    unknown_token=unknown,
                    no_pretokenization=not split,
                )
        except RuntimeError as error:
            raise ValueError(
                f"TensorFlow Text does not take the vocabulary: {error} Construct the "
                "tokenizer with graph=False."
            ) from None

    def __call__(self, texts: Any) -> Any:
        """Turns a string tensor `(N,)` into ragged int32 ids `(N, None)`."""
        import tensorflow as tf

        rows = self._operation.tokenize(texts)
        return rows.with_values(tf.gather(self._ids, rows.values))


def can_split(engine: WordPieceEngine) -> bool:
    """Whether the operation finds words itself with this mark of continuing pieces."""
    mark = engine.suffix_indicator
    return len(mark) > 1 and _SIGNS.issuperset(mark)


def _words_in_vocabulary(engine: WordPieceEngine, max_bytes: int) -> list[str]:
    """Returns the tokens that a word can hold."""
    tokens = []
    for token in engine.vocabulary:
        rest = token.removeprefix(engine.suffix_indicator)
        size = len(rest.encode())
        if not token or len(rest) > engine.max_word_length or size > max_bytes:
            continue
        if token in engine.hidden_tokens:
            continue
        if "\0" in token:
            # All drop it, but for Keras' words that are not split.
            if engine.split or isinstance(engine, BertWordPieceEngine):
                continue
            raise _cannot("tokens with a NUL", token)
        if size > _LONGEST_TOKEN:
            raise _cannot(f"tokens of more than {_LONGEST_TOKEN} bytes", token)
        tokens.append(token)
    return tokens


def _is_plain(token: str, suffix_indicator: str) -> bool:
    """Whether plain text can hold a token: letters and digits, or one sign."""
    rest = token.removeprefix(suffix_indicator)
    return rest.isascii() and (rest.isalnum() or token in _SIGNS)


def _cannot(what: str, token: str) -> ValueError:
    return ValueError(
        f"TensorFlow Text does not take {what}, such as {token[:40]!r}. Remove them "
        "from the vocabulary, or construct the tokenizer with graph=False."
    )
