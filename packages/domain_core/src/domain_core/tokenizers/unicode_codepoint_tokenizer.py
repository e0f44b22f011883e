"""Text as the code points of its characters."""

from __future__ import annotations

from typing import Any

import numpy as np

from domain_core.arguments import as_positive_int
from domain_core.arrays.ragged import Ragged
from domain_core.serialization import serializable
from domain_core.text.text_inputs import decode_bytes
from domain_core.text.text_normalizer import TextNormalizer
from domain_core.tokenizers.character_errors import as_replacement, is_character
from domain_core.tokenizers.tokenizer import Tokenizer

ENCODINGS = ("UTF-8", "UTF-16-BE", "UTF-32-BE")
_ALL = 0x110000


@serializable(package="kerasnlp")
class UnicodeCodepointTokenizer(Tokenizer):
    """One id per character, its code point.

    Args:
        sequence_length: cut and pad (with 0) every output to this many tokens.
        lowercase: fold case (Unicode's NFKC case folding).
        normalization_form: "NFC", "NFD", "NFKC", "NFKD" or None.
        errors: what to do with ids that are no character in `detokenize`, and with lone
            surrogates in texts: "replace" by `replacement_char`, "ignore" or "strict",
            which raises.
        replacement_char: code point that stands for them.
        input_encoding: encoding of bytes and of TensorFlow tensors: "UTF-8",
            "UTF-16-BE" or "UTF-32-BE". Python strings have none.
        output_encoding: encoding of the tensors that `detokenize` gives in a graph.
        vocabulary_size: number of ids: greater code points become the last id. None for
            all 1,114,112.
        dtype: an integer type, or "string" for tokens instead of ids.
        **kwargs: `name`, `graph`; see `Tokenizer`.

    Raises:
        ValueError: if an option is none of those.

    Example:
        >>> import domain_core
        >>> tokenizer = domain_core.tokenizers.UnicodeCodepointTokenizer(5)
        >>> tokenizer("Hé!")
        array([104, 233,  33,   0,   0], dtype=int32)
        >>> tokenizer.detokenize([104, 233, 33, 0, 0])
        'hé!'
    """

    def __init__(
        self,
        sequence_length: int | None = None,
        lowercase: bool = True,
        normalization_form: str | None = None,
        errors: str = "replace",
        replacement_char: int = 65533,
        input_encoding: str = "UTF-8",
        output_encoding: str = "UTF-8",
        vocabulary_size: int | None = None,
        dtype: Any = "int32",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            sequence_length=sequence_length, dtype=dtype, errors=errors, **kwargs
        )
        for name, encoding in (
            ("input_encoding", input_encoding),
            ("output_encoding", output_encoding),
        ):
            if encoding not in ENCODINGS:
                raise ValueError(
                    f"Expected `{name}` to be one of {ENCODINGS}, received "
                    f"{encoding!r}."
                )
        if vocabulary_size is not None:
            as_positive_int("vocabulary_size", vocabulary_size, _ALL)
        self.lowercase = lowercase
        self.normalization_form = normalization_form
        self.replacement_char = as_replacement(replacement_char)
        self.input_encoding = input_encoding
        self.output_encoding = output_encoding
        self._size = vocabulary_size
        self._normalize = TextNormalizer(lowercase, normalization_form)

    def encode_batch(self, texts: list[str]) -> Ragged:
        rows = [self._normalize(text) for text in self.check_texts(texts)]
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))
        return Ragged(self._codes("".join(rows)), lengths)

    def encode_batch_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        found = [self._normalize.with_sources(text) for text in self.check_texts(texts)]
        rows = [self._codes(normal) for normal, _ in found]
        spans = [sources for _, sources in found]
        pair = np.dtype((np.int32, 2))
        return Ragged.from_rows(rows), Ragged.from_rows(spans, pair)

    def decode_batch(self, rows: Ragged) -> list[str]:
        rows = rows.where(rows.values != 0)
        codes = rows.values.copy()
        wrong = (codes < 0) | (codes >= _ALL) | ((codes >= 0xD800) & (codes <= 0xDFFF))
        if wrong.any():
            if self.errors == "strict":
                raise ValueError(
                    f"Expected ids that are code points of characters, in [0, "
                    f"{_ALL - 1}] without surrogates, received "
                    f"{int(codes[wrong][0])}. Construct the tokenizer with "
                    "`errors='replace'`."
                )
            codes[wrong] = self.replacement_char
            rows = Ragged(codes, rows.lengths)
            if self.errors == "ignore":
                rows = rows.where(~wrong)
        text = rows.values.astype("<u4").tobytes().decode("utf-32-le")
        ends = np.cumsum(rows.lengths).tolist()
        starts = rows.starts.tolist()
        return [text[i:j] for i, j in zip(starts, ends, strict=True)]

    def encode_in_graph(self, texts: Any) -> Any:
        import tensorflow as tf

        options = {"errors": self.errors, "replacement_char": self.replacement_char}
        texts = tf.strings.unicode_transcode(
            texts, self.input_encoding, "UTF-8", **options
        )
        codes = tf.strings.unicode_decode(self._normalize.in_graph(texts), "UTF-8")
        return tf.minimum(codes, self.vocabulary_size() - 1)

    def decode_in_graph(self, ids: Any) -> Any:
        import tensorflow as tf

        return tf.strings.unicode_encode(
            tf.ragged.boolean_mask(ids, ids != 0),
            self.output_encoding,
            errors=self.errors,
            replacement_char=self.replacement_char,
        )

    def look_up_in_graph(self, ids: Any) -> Any:
        import tensorflow as tf

        return ids.with_values(tf.strings.unicode_encode(ids.values[:, None], "UTF-8"))

    def get_vocabulary(self) -> dict[str, int]:
        """Returns the ids by character; surrogates are none."""
        size = self.vocabulary_size()
        return {chr(code): code for code in range(size) if is_character(code)}

    def vocabulary_size(self) -> int:
        """Returns the number of ids."""
        return _ALL if self._size is None else self._size

    def id_to_token(self, id: int) -> str:
        if not 0 <= id < self.vocabulary_size():
            raise ValueError(
                f"Expected an id in [0, {self.vocabulary_size() - 1}], received {id}."
            )
        return chr(id)

    def token_to_id(self, token: str) -> int:
        if len(token) != 1:
            raise ValueError(
                f"Expected a single character, received {token!r}. Tokenize text "
                "instead."
            )
        return min(ord(token), self.vocabulary_size() - 1)

    def _codes(self, text: str) -> np.ndarray:
        codes = np.frombuffer(text.encode("utf-32-le"), "<u4").astype(np.int32)
        return np.minimum(codes, self.vocabulary_size() - 1)

    def _encode(self, inputs: Any) -> tuple[Ragged, bool]:
        return super()._encode(self._decoded(inputs))

    def _decode_on_host(self, inputs: Any, skip_special_tokens: bool) -> Any:
        texts = super()._decode_on_host(inputs, skip_special_tokens)
        if isinstance(texts, str):
            return texts.encode(self.output_encoding)
        return [text.encode(self.output_encoding) for text in texts]

    def _decoded(self, inputs: Any) -> Any:
        """Reads bytes that are no UTF-8."""
        if self.input_encoding == "UTF-8" or isinstance(inputs, str):
            return inputs
        if isinstance(inputs, bytes):
            try:
                return decode_bytes(
                    inputs, self.errors, self.replacement_char, self.input_encoding
                )
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"Expected bytes in {self.input_encoding}, received "
                    f"{inputs[:40]!r} ({error}). Construct the tokenizer with another "
                    "`input_encoding`, or with `errors='replace'`."
                ) from None
        if isinstance(inputs, np.ndarray) and inputs.ndim == 0:
            return self._decoded(inputs.item())
        if isinstance(inputs, list | tuple | np.ndarray):
            return [self._decoded(text) for text in inputs]
        return inputs
