"""WordPiece by TensorFlow operations, for graphs that run without Python.

Plain ASCII, which all rules read alike, goes to the fused operation of TensorFlow Text
as it is. Of other texts each stretch between blanks is put into the form of its engine
first, by a table of all characters that the engine itself has made. All tables are
constants, so that a graph can be exported as it is.
"""

from __future__ import annotations

import re
import weakref
from collections.abc import Callable
from typing import Any

from domain_core.text.graph_special_tokens import encode_around, encode_words
from domain_core.text.word_piece.bert_engine import BertWordPieceEngine
from domain_core.text.word_piece.engine import WordPieceEngine
from domain_core.text.word_piece.graph_forms import (
    TextForm,
    bert_form,
    keras_form,
    unassigned,
)
from domain_core.text.word_piece.graph_operation import WordPieceOperation, can_split
from domain_core.text.word_piece.graph_text_parts import (
    apply_between,
    apply_to_others,
    encode_by_kind,
    merge_rows,
    split_at_blanks,
)
from domain_core.text.word_piece.keras_engine import (
    MAX_WORD_BYTES,
    KerasWordPieceEngine,
)

# Blanks and printable ASCII.
_PLAIN = r"[ -~\t\n\r]*"
_ASCII = r"[\x00-\x7f]*"


def word_piece_graph(engine: WordPieceEngine) -> WordPieceGraph:
    """Returns the form for graphs of an engine, made once.

    Raises:
        ValueError: if TensorFlow Text cannot do what the engine does; the message says
            why.
    """
    graph = _GRAPHS.get(engine)
    if graph is None:
        cls = next((c for e, c in _FORMS.items() if isinstance(engine, e)), None)
        if cls is None:
            raise ValueError(
                f"{type(engine).__name__} has no form for graphs. Construct the "
                "tokenizer with graph=False."
            )
        graph = _GRAPHS[engine] = cls(engine)
    return graph


class WordPieceGraph:
    """Does what a `WordPieceEngine` does to tensors.

    A subclass sets `_form` and writes `_normal`; and `_prepared`, if something comes
    before atomic tokens are found.

    Args:
        engine: what to be equal to. No reference to it is kept.
        max_bytes: of a word; longer ones are unknown.
    """

    _form: TextForm

    def __init__(self, engine: WordPieceEngine, max_bytes: int) -> None:
        self._lowercase = engine.lowercase
        self._split = engine.split
        self._suffix_indicator = engine.suffix_indicator
        self._vocabulary = list(engine.vocabulary)
        self._max_bytes = max_bytes
        ids = {token: index for index, token in enumerate(self._vocabulary)}
        self._atomic = {token: ids[token] for token in engine.atomic_tokens}
        self._word_tokens = engine.word_tokens
        self._pieces_of_words = WordPieceOperation(engine, max_bytes)
        self._pieces_of_plain = None
        if self._split and can_split(engine):
            # Of these, a character is a byte.
            longest = min(max_bytes, engine.max_word_length)
            self._pieces_of_plain = WordPieceOperation(engine, longest, split=True)

    def encode(self, texts: Any, errors: str, replacement_char: int = 0xFFFD) -> Any:
        """Turns texts into ids.

        Args:
            texts: string tensor `(B,)`. Where the engine does not split, also a tensor
                or a ragged tensor of words `(B, None)`.
            errors: "strict", "replace" or "ignore", what to do to invalid UTF-8.
            replacement_char: code point that "replace" puts in its place.

        Returns:
            Ragged int32 tensor `(B, None)`.
        """
        import tensorflow as tf

        if texts.shape.rank == 2:
            if not isinstance(texts, tf.RaggedTensor):
                texts = tf.RaggedTensor.from_tensor(texts)
            ids = self.encode(texts.values, errors, replacement_char)
            return merge_rows(texts, ids)

        def valid(texts: Any) -> Any:
            return tf.strings.unicode_transcode(
                texts,
                "UTF-8",
                "UTF-8",
                errors=errors,
                replacement_char=replacement_char,
            )

        if self._split and not self._atomic:
            return self._unless_plain(
                texts, lambda texts: self._encode_chunks(valid(texts))
            )
        is_ascii = tf.strings.regex_full_match(texts, _ASCII)
        if self._split:
            texts = apply_to_others(
                texts, is_ascii, lambda texts: self._prepared(valid(texts))
            )
            return encode_around(texts, self._atomic, self._encode_stretches)
        texts = apply_to_others(texts, is_ascii, valid)
        return encode_words(texts, self._word_tokens, self._encode_whole)

    def decode(self, rows: Any) -> Any:
        """Turns ragged ids `(B, None)` into texts `(B,)`."""
        import tensorflow as tf

        size = len(self._vocabulary)
        check = tf.debugging.Assert(
            tf.reduce_all((rows.values >= 0) & (rows.values < size)),
            [f"Expected ids in [0, {size - 1}], received", rows.values],
        )
        with tf.control_dependencies([check]):
            tokens = tf.gather(tf.constant(self._vocabulary), rows.values)
        rows = rows.with_values(tokens)
        texts = tf.strings.reduce_join(rows, axis=-1, separator=" ")
        if not self._suffix_indicator:
            return texts
        return tf.strings.regex_replace(
            texts, re.escape(f" {self._suffix_indicator}"), ""
        )

    def _prepared(self, texts: Any) -> Any:
        """Does to texts that are not ASCII what comes before atomic tokens."""
        return texts

    def _normal(self, words: Any) -> Any:
        """Turns words `(N,)` of that form into those that the vocabulary may hold."""
        raise NotImplementedError

    def _encode_whole(self, texts: Any) -> Any:
        """Encodes texts that are one word each."""
        return self._pieces_of_words(self._normal(self._form(texts)))

    def _encode_stretches(self, texts: Any) -> Any:
        """Encodes texts without atomic tokens."""
        return self._unless_plain(texts, self._encode_chunks)

    def _unless_plain(self, texts: Any, encode: Callable[[Any], Any]) -> Any:
        """Encodes plain texts by one operation, others by a function."""
        if self._pieces_of_plain is None:
            return encode(texts)
        import tensorflow as tf

        plain = tf.strings.regex_full_match(texts, _PLAIN)
        return encode_by_kind(texts, plain, self._encode_plain, encode)

    def _encode_plain(self, texts: Any) -> Any:
        import tensorflow as tf

        texts = tf.strings.lower(texts) if self._lowercase else texts
        assert self._pieces_of_plain is not None
        return self._pieces_of_plain(texts)

    def _encode_chunks(self, texts: Any) -> Any:
        import tensorflow as tf

        # White space for `split`, control characters for all engines.
        texts = tf.strings.regex_replace(texts, r"[\x0b\x0c]", "\x01")
        chunks = split_at_blanks(texts)  # ragged (N, None)
        ids = self._unless_plain(chunks.values, self._encode_words)
        return merge_rows(chunks, ids)

    def _encode_words(self, chunks: Any) -> Any:
        words = split_at_blanks(self._form(chunks))  # ragged (C, None)
        ids = self._pieces_of_words(self._normal(words.values))
        return merge_rows(words, ids)


class BertWordPieceGraph(WordPieceGraph):
    """Does what a `BertWordPieceEngine` does to tensors.

    Equal for all of Unicode, whatever version of it TensorFlow Text has.
    """

    def __init__(self, engine: BertWordPieceEngine) -> None:
        # The engine counts characters: as many bytes as they may have.
        super().__init__(engine, 4 * engine.max_word_length)
        self._max_characters = engine.max_word_length
        self._form = bert_form(
            lowercase=engine.lowercase,
            strip_accents=engine.strip_accents,
            split=engine.split,
            split_on_cjk=engine.split_on_cjk,
        )

    def _encode_whole(self, texts: Any) -> Any:
        return encode_around(texts, self._atomic, super()._encode_whole)

    def _normal(self, words: Any) -> Any:
        import tensorflow as tf

        is_long = tf.strings.length(words, "UTF8_CHAR") > self._max_characters
        return tf.where(is_long, "x" * (self._max_bytes + 1), words)


class KerasWordPieceGraph(WordPieceGraph):
    """Does what a `KerasWordPieceEngine` does to tensors.

    Equal for all of Unicode, too: what Python's version of it does not know stays.
    """

    def __init__(self, engine: KerasWordPieceEngine) -> None:
        super().__init__(engine, MAX_WORD_BYTES)
        self._form = keras_form(
            strip_accents=engine.strip_accents,
            split=engine.split,
            split_on_cjk=engine.split_on_cjk,
        )
        self._stripped = None
        if self._atomic and engine.strip_accents:
            self._stripped = keras_form(
                strip_accents=True, split=False, split_on_cjk=False
            )
        # As the engine has it, even such a token is a word.
        unknown = self._vocabulary.index(engine.oov_token)
        self._atomic = {
            token: index if len(token.encode()) <= MAX_WORD_BYTES else unknown
            for token, index in self._atomic.items()
        }

    def _prepared(self, texts: Any) -> Any:
        return texts if self._stripped is None else self._stripped(texts)

    def _normal(self, words: Any) -> Any:
        if not self._lowercase:
            return words
        import tensorflow as tf
        import tensorflow_text

        def fold(words: Any) -> Any:
            # First composed, as the engine does: the order of marks matters to folding.
            return tensorflow_text.case_fold_utf8(
                tensorflow_text.normalize_utf8(words, "NFKC")
            )

        folded = apply_between(words, unassigned(), fold)
        if self._split or not self._atomic:
            return folded
        is_atomic = tf.reduce_any(words[:, None] == tf.constant([*self._atomic]), 1)
        return tf.where(is_atomic, words, folded)


# By engine, and gone with it; not part of it, for it is pickled and these are not.
_GRAPHS: weakref.WeakKeyDictionary[WordPieceEngine, WordPieceGraph] = (
    weakref.WeakKeyDictionary()
)
_FORMS: dict[type, Any] = {
    BertWordPieceEngine: BertWordPieceGraph,
    KerasWordPieceEngine: KerasWordPieceGraph,
}
