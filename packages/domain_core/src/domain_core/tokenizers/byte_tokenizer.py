"""Text as the bytes of its UTF-8."""

from __future__ import annotations

import codecs
from typing import Any

import numpy as np

from domain_core.arrays.ragged import Ragged
from domain_core.serialization import serializable
from domain_core.text.text_normalizer import TextNormalizer
from domain_core.tokenizers.character_errors import as_replacement, decode_ids
from domain_core.tokenizers.tokenizer import Tokenizer

_SIZE = 256


@serializable(package="kerasnlp")
class ByteTokenizer(Tokenizer):
    """One id per byte of UTF-8, the byte itself: 256 ids, none unknown.

    Args:
        lowercase: fold case (Unicode's NFKC case folding).
        sequence_length: cut and pad (with 0) every output to this many tokens.
        normalization_form: "NFC", "NFD", "NFKC", "NFKD" or None.
        errors: what to do with bytes that are no UTF-8 in `detokenize`, and with lone
            surrogates in texts: "replace" by `replacement_char`, "ignore" or "strict",
            which raises.
        replacement_char: code point that stands for them.
        dtype: an integer type, or "string" for tokens instead of ids.
        **kwargs: `name`, `graph`; see `Tokenizer`.

    Raises:
        ValueError: if an option is none of those.

    Example:
        >>> import domain_core
        >>> tokenizer = domain_core.tokenizers.ByteTokenizer()
        >>> tokenizer("Hé")
        array([104, 195, 169], dtype=int32)
        >>> tokenizer.detokenize([104, 195, 169, 0])
        'hé'
    """

    def __init__(
        self,
        lowercase: bool = True,
        sequence_length: int | None = None,
        normalization_form: str | None = None,
        errors: str = "replace",
        replacement_char: int = 65533,
        dtype: Any = "int32",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            sequence_length=sequence_length, dtype=dtype, errors=errors, **kwargs
        )
        self.lowercase = lowercase
        self.normalization_form = normalization_form
        self.replacement_char = as_replacement(replacement_char)
        self._normalize = TextNormalizer(lowercase, normalization_form)

    def encode_batch(self, texts: list[str]) -> Ragged:
        rows = [self._normalize(text).encode() for text in self.check_texts(texts)]
        values = np.frombuffer(b"".join(rows), np.uint8).astype(np.int32)
        return Ragged(values, np.fromiter(map(len, rows), np.int64, len(rows)))

    def encode_batch_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        rows, spans = [], []
        for text in self.check_texts(texts):
            normal, sources = self._normalize.with_sources(text)
            codes = np.frombuffer(normal.encode("utf-32-le"), np.uint32)
            sizes = 1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)
            rows.append(np.frombuffer(normal.encode(), np.uint8))
            spans.append(np.repeat(sources, sizes, axis=0))
        pair = np.dtype((np.int32, 2))
        return Ragged.from_rows(rows), Ragged.from_rows(spans, pair)

    def decode_batch(self, rows: Ragged) -> list[str]:
        rows = self._bytes(rows)
        data, ends = rows.values.tobytes(), np.cumsum(rows.lengths)
        return [
            decode_ids(data[start:end], self.errors, self.replacement_char)
            for start, end in zip(rows.starts.tolist(), ends.tolist(), strict=True)
        ]

    def decode_unfinished(self, ids: list[int]) -> str:
        data = self._bytes(Ragged.from_rows([ids])).values.tobytes()
        _, whole = codecs.utf_8_decode(data, "replace", False)
        text = decode_ids(data[:whole], self.errors, self.replacement_char)
        return text if whole == len(data) else text + "\ufffd"

    def encode_in_graph(self, texts: Any) -> Any:
        import tensorflow as tf

        texts = tf.strings.unicode_transcode(
            texts,
            "UTF-8",
            "UTF-8",
            errors=self.errors,
            replacement_char=self.replacement_char,
        )
        characters = tf.strings.bytes_split(self._normalize.in_graph(texts))
        codes = tf.reshape(tf.io.decode_raw(characters.values, tf.uint8), [-1])
        return characters.with_values(tf.cast(codes, tf.int32))

    def decode_in_graph(self, ids: Any) -> Any:
        import tensorflow as tf

        table = tf.constant([bytes([code]) for code in range(_SIZE)])
        ids = tf.ragged.boolean_mask(ids, ids != 0)
        texts = tf.strings.reduce_join(tf.gather(table, ids), axis=-1)
        return tf.strings.unicode_transcode(
            texts,
            "UTF-8",
            "UTF-8",
            errors=self.errors,
            replacement_char=self.replacement_char,
        )

    def get_vocabulary(self) -> dict[str, int]:
        """Returns the ids by token, a character with the byte as its code point."""
        return {chr(code): code for code in range(_SIZE)}

    def vocabulary_size(self) -> int:
        """Returns 256."""
        return _SIZE

    def id_to_token(self, id: int) -> str:
        if not 0 <= id < _SIZE:
            raise _no_byte(id)
        return chr(id)

    def token_to_id(self, token: str) -> int:
        if len(token) != 1 or ord(token) >= _SIZE:
            raise ValueError(
                f"Expected a character up to chr({_SIZE - 1}), received {token!r}. "
                "Tokenize text instead."
            )
        return ord(token)

    @staticmethod
    def _bytes(rows: Ragged) -> Ragged:
        """Returns the bytes that ids are, uint8, without padding."""
        wrong = (rows.values < 0) | (rows.values >= _SIZE)
        if wrong.any():
            raise _no_byte(int(rows.values[wrong][0]))
        rows = rows.where(rows.values != 0)
        return Ragged(rows.values.astype(np.uint8), rows.lengths)


def _no_byte(id: int) -> ValueError:
    return ValueError(f"Expected an id in [0, {_SIZE - 1}], received {id}.")
