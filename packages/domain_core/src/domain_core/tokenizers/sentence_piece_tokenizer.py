"""SentencePiece, the tokenizer of T5, Llama, Gemma, XLM-RoBERTa and others."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from domain_core.arrays.ragged import Ragged
from domain_core.serialization import serializable
from domain_core.text.graph_special_tokens import encode_around, forbid_in_graph
from domain_core.text.sentence_piece.engine import MAX_MODEL_BYTES, SentencePieceEngine
from domain_core.text.sentence_piece.model import (
    CONTROL,
    NORMAL,
    USER_DEFINED,
    Piece,
    read_pieces,
    with_pieces,
    with_types,
)
from domain_core.text.special_tokens import TextPieces, token_pattern
from domain_core.tokenizers.tokenizer import Tokenizer, as_tokens

# Longer strings are base64: the smallest models have more.
_LONGEST_PATH = 2048


@dataclasses.dataclass(frozen=True, eq=False)
class IdTables:
    """Ids of a model that numbers its tokens in another way than SentencePiece.

    Attributes:
        ids: int32 `(pieces,)`, the id of each piece.
        places: int32 `(ids,)`, the piece of each id.
    """

    ids: np.ndarray
    places: np.ndarray


@serializable(package="kerasnlp")
class SentencePieceTokenizer(Tokenizer):
    """Cuts raw text into the pieces of a trained model, spaces among them.

    Special tokens are the model's control pieces, and those that a subclass names. With
    `special_tokens="text"` none of them can come out of a text, not even one that the
    model itself defines as a symbol of its users.

    Args:
        proto: the serialized model as bytes or base64, or the path of its file.
        sequence_length: cut and pad every output to this many tokens.
        dtype: an integer type, or "string" for tokens instead of ids.
        add_bos: begin each output with the model's beginning-of-sentence token.
        add_eos: end each with its end-of-sentence token.
        added_tokens: further tokens, whose ids follow those of the model; they are
            kept whole wherever they occur in a text.
        normalized_tokens: those of them, and of special tokens, that are found in text
            as the model normalizes it, if the class cuts texts at them. Offsets and
            `graph` have no form of this.
        strip_left: tokens that swallow the white space before them where they are
            parsed; None for those of the class.
        strip_right: tokens that swallow the white space after them, likewise; `graph`
            has no form of this.
        **kwargs: `name`, `special_tokens`, `errors`, `graph`; see `Tokenizer`.

    Attributes:
        appended: special tokens that a model may lack; their ids then follow its own.
        cuts_at_added_tokens: whether what lies between added tokens is encoded each on
            its own, as Hugging Face does; else the model knows them.

    Raises:
        ValueError: if the model cannot be read, or lacks a special token.

    Example:
        >>> import domain_core
        >>> model = domain_core.tokenizers.compute_sentence_piece_proto(
        ...     iter(["the quick brown fox jumped"]), 30, model_type="char"
        ... )
        >>> tokenizer = domain_core.tokenizers.SentencePieceTokenizer(model)
        >>> tokenizer.detokenize(tokenizer("the fox"))
        'the fox'
    """

    file_assets: ClassVar[tuple[str, ...]] = ("vocabulary.spm",)
    asset_config_keys: ClassVar[tuple[str, ...]] = ("proto",)
    appended: ClassVar[tuple[str, ...]] = ()
    cuts_at_added_tokens: ClassVar[bool] = False
    strip_left: Sequence[str] = ()
    strip_right: Sequence[str] = ()

    def __init__(
        self,
        proto: bytes | str | os.PathLike[str] | None = None,
        sequence_length: int | None = None,
        dtype: Any = "int32",
        add_bos: bool = False,
        add_eos: bool = False,
        *,
        added_tokens: Sequence[str] = (),
        normalized_tokens: Sequence[str] = (),
        strip_left: Sequence[str] | None = None,
        strip_right: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        super().__init__(sequence_length=sequence_length, dtype=dtype, **kwargs)
        self.add_bos = add_bos
        self.add_eos = add_eos
        self.added_tokens = as_tokens("added_tokens", added_tokens)
        self.normalized_tokens = as_tokens("normalized_tokens", normalized_tokens)
        if normalized_tokens and not self.cuts_at_added_tokens:
            raise ValueError(
                f"Expected no `normalized_tokens` for {type(self).__name__}, received "
                f"{normalized_tokens!r:.80}: its model finds added tokens itself."
            )
        if strip_left is not None:
            self.strip_left = as_tokens("strip_left", strip_left)
        self.strip_right = as_tokens("strip_right", strip_right)
        self._proto: bytes | None = None
        if proto is not None:
            self.set_proto(proto)

    def set_proto(self, proto: bytes | str | os.PathLike[str]) -> None:
        """Sets or replaces the model; see the class."""
        self._proto = _read_proto(proto)
        model = self._completed(self._proto)
        self._decoder = SentencePieceEngine(model)
        hidden = self._hidden(model)
        self._engine = self._decoder if hidden == model else SentencePieceEngine(hidden)
        for name in ("bos", "eos"):
            if getattr(self, f"add_{name}") and self._engine.end_id(name) is None:
                raise ValueError(
                    f"Expected a model with a token for add_{name}=True, received one "
                    "without."
                )
        self._tables = self.id_tables(self._engine.pieces)
        self._set_special_token_ids()
        self._whole = self._parsed_ids()
        late = set(self.normalized_tokens)
        self._pattern = token_pattern(set(self._whole) - late, self.strip_left)
        self._late = {
            self._normalized(t): i for t, i in self._whole.items() if t in late
        }
        self._late_pattern = token_pattern(self._late, self.strip_left)

    @property
    def proto(self) -> bytes | None:
        """The model; None until it is set."""
        return self._proto

    def get_proto(self) -> bytes:
        """Returns the model as it was given."""
        return self._require_proto()

    def encode_batch(self, texts: list[str]) -> Ragged:
        texts, pieces = self._cut(texts)
        rows = self._encode_stretches(texts)
        if pieces is not None:
            rows = pieces.join(rows)
        return self._with_ends(rows, *self._ends)

    def encode_batch_with_offsets(self, texts: list[str]) -> tuple[Ragged, Ragged]:
        texts, pieces = self._cut(texts)
        if self._late_pattern is not None:
            raise ValueError(
                "Offsets have no form for added tokens that are found in normalized "
                f"text, such as {self.normalized_tokens[:5]}. Use `tokenize`."
            )
        ids, offsets = self._engine.encode_with_offsets(texts)
        ids = self._ids(ids)
        if pieces is not None:
            ids, offsets = pieces.join(ids), pieces.join_offsets(offsets)
        nowhere = [[(0, 0)] * len(end) for end in self._ends]
        return self._with_ends(ids, *self._ends), self._with_ends(offsets, *nowhere)

    def decode_batch(self, rows: Ragged) -> list[str]:
        self._require_proto()
        wrong = (rows.values < 0) | (rows.values >= self.vocabulary_size())
        if wrong.any():
            self.id_to_token(int(rows.values[wrong][0]))
        if self._tables is not None:
            rows = Ragged(self._tables.places[rows.values], rows.lengths)
        return self._decoder.decode(rows.to_list())

    def encode_in_graph(self, texts: Any) -> Any:
        import tensorflow as tf

        self._require_proto()
        if self._late_pattern is not None:
            raise ValueError(
                "graph=True has no form for added tokens that are found in normalized "
                f"text, such as {self.normalized_tokens[:5]}. Construct the tokenizer "
                "with graph=False."
            )
        texts = tf.strings.unicode_transcode(
            texts, "UTF-8", "UTF-8", errors=self.errors
        )
        if set(self.strip_right) & self._whole.keys():
            raise ValueError(
                "graph=True has no form for tokens that swallow the white space after "
                f"them, such as {self.strip_right[:5]}. Construct the tokenizer with "
                "graph=False."
            )
        if self.special_token_policy == "error":
            texts = forbid_in_graph(texts, self.tokens_in_texts())
        rows = encode_around(
            texts, self._whole, self._encode_stretches_in_graph, self.strip_left
        )
        start, end = (
            tf.tile(tf.constant([ids], tf.int32, (1, len(ids))), (rows.nrows(), 1))
            for ids in self._ends
        )
        return tf.concat([start, rows, end], axis=1) if any(self._ends) else rows

    def decode_in_graph(self, ids: Any) -> Any:
        import tensorflow as tf

        self._require_proto()
        if self._tables is not None:
            ids = tf.gather(tf.constant(self._tables.places), ids)
        return _in_graph(self._decoder).detokenize(ids)

    def id_tables(self, pieces: Sequence[Piece]) -> IdTables | None:
        """Returns how ids and places in the model differ; None if they do not."""
        return None

    def get_vocabulary(self) -> list[str]:
        """Returns the tokens in the order of their ids."""
        return [self.id_to_token(i) for i in range(self.vocabulary_size())]

    def vocabulary_size(self) -> int:
        """Returns the number of ids."""
        self._require_proto()
        if self._tables is None:
            return len(self._engine.pieces)
        return len(self._tables.places)

    def id_to_token(self, id: int) -> str:
        size = self.vocabulary_size()
        if not 0 <= id < size:
            raise ValueError(f"Expected an id in [0, {size - 1}], received {id}.")
        place = id if self._tables is None else int(self._tables.places[id])
        return self._engine.pieces[place].text

    def token_to_id(self, token: str) -> int:
        """Returns the id of a token, that of the unknown one if there is none."""
        self._require_proto()
        place = self._engine.places.get(token, self._engine.unknown)
        return place if self._tables is None else int(self._tables.ids[place])

    @property
    def special_tokens(self) -> list[str]:
        """Tokens that stand for no text."""
        control = [] if self._proto is None else self._decoder.control_tokens
        return list(dict.fromkeys([*super().special_tokens, *control]))

    def save_assets(self, directory: str | os.PathLike[str]) -> None:
        (Path(directory) / self.file_assets[0]).write_bytes(self._require_proto())

    def load_assets(self, directory: str | os.PathLike[str]) -> None:
        self.set_proto(Path(directory) / self.file_assets[0])

    def get_config(self) -> dict[str, Any]:
        proto = self._proto and base64.b64encode(self._proto).decode("ascii")
        config = super().get_config() | {"proto": proto}
        if self.strip_left == type(self).strip_left:
            config.pop("strip_left", None)
        for name in ("normalized_tokens", "strip_right"):
            if not config[name]:
                del config[name]
        return config

    @classmethod
    def from_config(cls, config: Mapping[str, Any], custom_objects: Any = None) -> Self:
        config = dict(config)
        if isinstance(config.get("proto"), str):
            config["proto"] = _decode_base64(config["proto"])
        return super().from_config(config)

    def _completed(self, model: bytes) -> bytes:
        """Adds the tokens that the model lacks."""
        known = {piece.text for piece in read_pieces(model)}
        missing = [Piece(t, 0.0, CONTROL) for t in self.appended if t not in known]
        known.update(piece.text for piece in missing)
        added = [
            Piece(token, 0.0, USER_DEFINED)
            for token in self.added_tokens
            if token not in known
        ]
        self._num_added = len(added)
        return with_pieces(model, [*missing, *added])

    def _hidden(self, model: bytes) -> bytes:
        """Hides special tokens that the model itself would find in a text."""
        hidden = set(self.added_tokens) if self.cuts_at_added_tokens else set()
        if self.special_token_policy != "parse":
            hidden.update(self.named_tokens.values())
        found = (USER_DEFINED, NORMAL)
        texts = {p.text for p in read_pieces(model) if p.type in found}
        return with_types(model, dict.fromkeys(texts & hidden, CONTROL))

    def _set_special_token_ids(self) -> None:
        known = self._engine.places
        missing = [token for token in self.named_tokens.values() if token not in known]
        if missing:
            raise ValueError(
                f"Expected a model for {type(self).__name__} that holds the special "
                f"tokens {super().special_tokens}; it lacks {sorted(set(missing))}. "
                "Use the model that belongs to the weights."
            )
        super()._set_special_token_ids()

    def _parsed_ids(self) -> dict[str, int]:
        """The tokens that texts are cut at."""
        tokens = list(self.added_tokens) if self.cuts_at_added_tokens else []
        if self.special_token_policy == "parse":
            tokens += self.tokens_in_texts()
        return {token: self.token_to_id(token) for token in tokens}

    def _normalized(self, text: str) -> str:
        """Does to a text what the model does first, but for white space."""
        return str(self._decoder.normalize(text))

    def _encode_stretches(self, texts: list[str]) -> Ragged:
        if self._late_pattern is None:
            return self._ids(self._engine.encode(texts))
        normalized = [self._normalized(text) for text in texts]
        right = [self._normalized(token) for token in self.strip_right]
        pieces = TextPieces.cut(normalized, self._late_pattern, self._late, right)
        return pieces.join(self._ids(self._engine.encode(pieces.texts)))

    def _cut(self, texts: list[str]) -> tuple[list[str], TextPieces | None]:
        """Returns what to encode, and how to put it together if tokens lie between."""
        self._require_proto()
        texts = self.check_texts(texts)
        pattern = self._pattern
        if pattern is None or not any(map(pattern.search, texts)):
            return texts, None
        pieces = TextPieces.cut(texts, pattern, self._whole, self.strip_right)
        return pieces.texts, pieces

    def _ids(self, rows: Ragged) -> Ragged:
        if self._tables is None:
            return rows
        return Ragged(self._tables.ids[rows.values], rows.lengths)

    @property
    def _ends(self) -> tuple[list[int], list[int]]:
        """Ids that each output begins and ends with."""
        start, end = (
            [] if place is None or not wanted else [place]
            for wanted, place in (
                (self.add_bos, self._engine.end_id("bos")),
                (self.add_eos, self._engine.end_id("eos")),
            )
        )
        if self._tables is not None:
            start, end = (
                [int(self._tables.ids[i]) for i in ids] for ids in (start, end)
            )
        return start, end

    @staticmethod
    def _with_ends(rows: Ragged, start: Sequence[Any], end: Sequence[Any]) -> Ragged:
        if not start and not end:
            return rows
        lengths = rows.lengths + len(start) + len(end)
        shape = (int(lengths.sum()), *rows.values.shape[1:])
        values = np.empty(shape, rows.values.dtype)
        first = np.cumsum(lengths) - lengths
        for place, value in enumerate(start):
            values[first + place] = value
        for place, value in enumerate(reversed(end)):
            values[first + lengths - 1 - place] = value
        inner = np.arange(len(rows.values)) + rows.row_indices * (len(start) + len(end))
        values[inner + len(start)] = rows.values
        return Ragged(values, lengths)

    def _encode_stretches_in_graph(self, texts: Any) -> Any:
        import tensorflow as tf

        rows = _in_graph(self._engine).tokenize(texts)
        if self._tables is None:
            return rows
        return tf.gather(tf.constant(self._tables.ids), rows)

    def _require_proto(self) -> bytes:
        if self._proto is None:
            raise ValueError(
                f"No model has been set for {type(self).__name__}. Pass `proto` (the "
                "bytes or the path of a SentencePiece model) to the constructor, or "
                "load it with `from_preset`."
            )
        return self._proto


def _in_graph(engine: SentencePieceEngine) -> Any:
    import tensorflow_text

    return tensorflow_text.SentencepieceTokenizer(engine.model)


def _read_proto(proto: Any) -> bytes:
    if isinstance(proto, bytes | bytearray | memoryview):
        return bytes(proto)
    if isinstance(proto, str) and len(proto) > _LONGEST_PATH:
        return _decode_base64(proto)
    if not isinstance(proto, str | os.PathLike):
        raise ValueError(
            "Expected `proto` to be bytes, base64 or a path, received "
            f"{type(proto).__name__}."
        )
    file = Path(proto)
    if not file.is_file():
        raise ValueError(
            f"Expected `proto` to be the path of a SentencePiece model; there is no "
            f"file {str(proto)!r}. Check the path."
        )
    if file.stat().st_size > MAX_MODEL_BYTES:
        raise ValueError(
            f"Expected a SentencePiece model of at most {MAX_MODEL_BYTES} bytes, "
            f"received {str(proto)!r} with {file.stat().st_size}."
        )
    return file.read_bytes()


def _decode_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(
            f"Expected `proto` to be base64, received {text[:40]!r}. Pass paths to the "
            "constructor, and no longer than a file system allows."
        ) from None
