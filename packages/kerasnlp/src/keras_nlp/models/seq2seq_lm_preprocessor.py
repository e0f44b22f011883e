"""Pairs of raw texts to what an encoder reads and a decoder learns to write."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np

from domain_core import serializable
from domain_core.arguments import as_positive_int
from domain_core.arrays.host_call import (
    Spec,
    host_call,
    is_symbolic,
    is_tensorflow,
    rank,
    to_host,
)
from domain_core.arrays.operations import NUMPY, Operations, tensorflow_operations
from domain_core.arrays.ragged import Ragged
from domain_core.text.rows.graph_rows import as_tensor_rows
from domain_core.text.rows.packed_rows import PadTo
from domain_core.text.rows.start_end_packer import StartEndPacker
from domain_core.text.text_inputs import as_rows
from domain_core.tokenizers.tokenizer import Tokenizer, as_tokens
from keras_nlp.models.generation_preprocessor import GenerationPreprocessor

_SOURCE, _TARGET = "encoder_text", "decoder_text"
_SOURCE_IDS, _TARGET_IDS = "encoder_token_ids", "decoder_token_ids"
_PAIRS = (
    f"Pass texts as `x` and as `y`, or a dict of '{_SOURCE}' and '{_TARGET}' as `x`."
)


@serializable(package="kerasnlp")
class Seq2SeqLMPreprocessor(GenerationPreprocessor):
    """Tokenizes sources and targets; the label of a target's token is the next one.

    A source stands between the tokenizer's start and end token, as far as it has them.
    A target follows the tokens that the decoder begins with, and ends with the end
    token: BART reads `</s> <s> target </s>`, T5 `<pad> target </s>`. Both are cut where
    they are longer than there is room, but for those tokens.

    Call arguments:
        x: texts to read: a string, or a list or NumPy array of strings. Or a dict of
            such: "encoder_text" and "decoder_text", sources and targets. Or one of
            "encoder_token_ids" and "decoder_token_ids": ids of both, without special
            tokens around them, as `SpanCorruption` gives them.
        y: texts to write, where `x` does not hold them.
        sample_weight: not used.
        encoder_sequence_length: overrides the constructor's.
        decoder_sequence_length: likewise.
        sequence_length: the same, by another name.

    Returns:
        `(x, y, sample_weight)`: `x` is a dict of int32 arrays, "encoder_token_ids" and
        "encoder_padding_mask" `(B, encoder_sequence_length)`, "decoder_token_ids" and
        "decoder_padding_mask" `(B, decoder_sequence_length)`, 0 in padding; `y` are the
        ids of the tokens after each of the decoder's, `sample_weight` float32, 0 where
        there is none. Without `B` for a single pair; tensors for those of a graph.

    Args:
        tokenizer: a `Tokenizer`, of sources and targets.
        encoder_sequence_length: length of sources in tokens.
        decoder_sequence_length: length of targets in tokens.
        pad_to: as in `TextClassifierPreprocessor`, for sources and for targets.
        decoder_start_tokens: tokens that the decoder begins with; None for those that
            the tokenizer names.
        **kwargs: see `Preprocessor`.

    Raises:
        ValueError: if there is no tokenizer, none of its tokens begins a target, a
            target is missing, or an argument is out of range.

    Example:
        >>> import keras_nlp
        >>> model = keras_nlp.tokenizers.compute_sentence_piece_proto(
        ...     iter(["a cat", "un chat"]), 12, model_type="char"
        ... )
        >>> tokenizer = keras_nlp.models.T5Tokenizer(model)
        >>> preprocessor = keras_nlp.models.Seq2SeqLMPreprocessor(tokenizer, 8, 10)
        >>> x, y, weights = preprocessor("a cat", "un chat")
        >>> x["encoder_padding_mask"].tolist(), weights.tolist()
        ([1, 1, 1, 1, 1, 1, 1, 0], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    """

    # Whether targets are packed with one token more, which is the last label.
    _has_labels: ClassVar[bool] = True

    def __init__(
        self,
        tokenizer: Tokenizer,
        encoder_sequence_length: int = 1024,
        decoder_sequence_length: int = 1024,
        *,
        pad_to: PadTo = None,
        decoder_start_tokens: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.check_tokenizer(tokenizer)
        for name, length in (
            ("encoder_sequence_length", encoder_sequence_length),
            ("decoder_sequence_length", decoder_sequence_length),
        ):
            as_positive_int(name, length, 10**8)
        StartEndPacker(encoder_sequence_length, pad_to=pad_to)  # complains about it now
        if decoder_start_tokens is not None:
            decoder_start_tokens = as_tokens(
                "decoder_start_tokens", decoder_start_tokens
            )
        self.tokenizer = tokenizer
        self.encoder_sequence_length = encoder_sequence_length
        self.decoder_sequence_length = decoder_sequence_length
        self.pad_to = pad_to
        self.decoder_start_tokens = decoder_start_tokens
        self._decoder_start_tokens()

    def __call__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        *,
        encoder_sequence_length: int | None = None,
        decoder_sequence_length: int | None = None,
        sequence_length: int | None = None,
    ) -> Any:
        del sample_weight
        lengths = self._lengths(
            encoder_sequence_length, decoder_sequence_length, sequence_length
        )
        pair = _read_pair(x, y)
        if is_symbolic(pair):
            parts = self._of_tensors(pair, lengths)
        else:
            parts = self._on_host(to_host(pair), lengths)
        labels, weights = parts.pop("labels"), parts.pop("weights")
        return keras.utils.pack_x_y_sample_weight(parts, labels, weights)

    def sources(
        self, x: Any, *, truncate: bool = False
    ) -> tuple[list[np.ndarray], list[np.ndarray], bool]:
        """Returns what the encoder reads, and what the decoder goes on with.

        Args:
            x: texts to read, as in a call; or a dict of them as "encoder_text" and of
                the beginnings of what is to be written as "decoder_text".
            truncate: cut sources that are longer than `encoder_sequence_length`.

        Returns:
            Ids of each source, special tokens around them; ids of each beginning, those
            that every decoder begins with before them; both int32, without padding. And
            whether `x` was a single source, not a list.

        Raises:
            ValueError: if a source is too long and `truncate` is False.
        """
        before = _read_source(x)
        source, single = self._rows(_SOURCE, before[_SOURCE])
        beginning = Ragged(source.values[:0], np.zeros_like(source.lengths))
        if _TARGET in before:
            beginning, is_one = self._rows(_TARGET, before[_TARGET])
            _require_same(source, beginning, single, is_one)
        start, end = self._source_frame()
        room = max(self.encoder_sequence_length - len(start) - len(end), 0)
        if not truncate and source.lengths.max(initial=0) > room:
            place = int(source.lengths.argmax())
            raise ValueError(
                f"Expected sources of at most {room} tokens, and {len(start + end)} "
                f"special ones around them; source {place} has "
                f"{source.lengths[place]}. Shorten it, or construct the preprocessor "
                "with a larger `encoder_sequence_length`, up to what the model takes."
            )
        start_ids = self.decoder_start_token_ids
        return (
            [
                np.array([*start, *row, *end], "int32")
                for row in source.cut(room).rows()
            ],
            [np.array([*start_ids, *row], "int32") for row in beginning.rows()],
            single,
        )

    def generate_preprocess(
        self,
        x: Any,
        *,
        encoder_sequence_length: int | None = None,
        decoder_sequence_length: int | None = None,
        sequence_length: int | None = None,
    ) -> dict[str, np.ndarray]:
        """Turns sources into ids, with room for what the decoder writes.

        Args:
            x: as in `sources`; longer ones are cut.
            encoder_sequence_length: overrides the constructor's.
            decoder_sequence_length: likewise.
            sequence_length: the same, by another name.

        Returns:
            A dict of the inputs of the model, as a call gives it; targets have no end,
            and 0 in the mask where there is room. Without `B` for a single source.
        """
        lengths = self._lengths(
            encoder_sequence_length, decoder_sequence_length, sequence_length
        )
        *both, single = self.sources(x, truncate=True)
        outputs = {}
        for name, rows, length in zip(
            ("encoder", "decoder"), both, lengths, strict=True
        ):
            packer = StartEndPacker(length, pad_value=self.pad_value)
            packed = packer.pack([Ragged.from_rows(rows)])
            outputs[f"{name}_token_ids"] = packed.token_ids
            outputs[f"{name}_padding_mask"] = packed.padding_mask.astype("int32")
        return {k: v[0] for k, v in outputs.items()} if single else outputs

    def generate_postprocess(self, x: dict[str, Any]) -> Any:
        """Turns what a decoder has written into text.

        Args:
            x: dict of "decoder_token_ids" and "decoder_padding_mask", `(B, T)` or
                `(T,)`.

        Returns:
            A list of strings, or a string.
        """
        return self.texts_of(x[_TARGET_IDS], x["decoder_padding_mask"])

    @property
    def sequence_length(self) -> int:
        """`decoder_sequence_length`, by the name that other preprocessors have."""
        return self.decoder_sequence_length

    @sequence_length.setter
    def sequence_length(self, length: int) -> None:
        self.decoder_sequence_length = length

    @property
    def decoder_start_token_ids(self) -> list[int]:
        """Ids that every target begins with."""
        ids = []
        for token in self._decoder_start_tokens():
            index = self.find_id(token)
            if index is None:
                raise ValueError(
                    f"Expected a vocabulary that holds {token!r}, which the decoder "
                    f"begins with; that of {type(self.tokenizer).__name__} does not. "
                    "Use the model's own, or pass `decoder_start_tokens`."
                )
            ids.append(index)
        return ids

    def _decoder_start_tokens(self) -> Sequence[str]:
        usual = self.tokenizer.decoder_start_tokens or [self.tokenizer.start_token]
        given = self.decoder_start_tokens
        tokens = [t for t in (usual if given is None else given) if t is not None]
        if not tokens:
            raise ValueError(
                f"Expected a token that the decoder begins with; "
                f"{type(self.tokenizer).__name__} names none. Pass "
                "`decoder_start_tokens`, such as ['<pad>'] for T5."
            )
        return tokens

    def _source_frame(self) -> tuple[list[int], list[int]]:
        """Returns the ids before and after a source."""
        start, end = self.tokenizer.start_token_id, self.tokenizer.end_token_id
        return (
            [] if start is None else [start],
            [] if end is None else [end],
        )

    def _lengths(
        self, encoder: int | None, decoder: int | None, alias: int | None
    ) -> tuple[int, int]:
        if decoder is None:
            decoder = alias
        encoder = self.encoder_sequence_length if encoder is None else encoder
        decoder = self.decoder_sequence_length if decoder is None else decoder
        return (
            as_positive_int("encoder_sequence_length", encoder, 10**8),
            as_positive_int("decoder_sequence_length", decoder, 10**8),
        )

    def _packers(self, lengths: tuple[int, int]) -> tuple[StartEndPacker, ...]:
        """Returns the packer of sources, and that of targets with labels."""
        pad_to, (start, end) = self.pad_to, self._source_frame()
        more, ahead = int(self._has_labels), pad_to
        if isinstance(pad_to, list | tuple):
            ahead = [size + more for size in pad_to]
        encoder, decoder = lengths
        options: dict[str, Any] = {"end_value": end, "pad_value": self.pad_value}
        return (
            StartEndPacker(encoder, start, pad_to=pad_to, **options),
            StartEndPacker(
                decoder + more, self.decoder_start_token_ids, pad_to=ahead, **options
            ),
        )

    def _packed(
        self,
        source: Ragged,
        target: Ragged,
        lengths: tuple[int, int],
        engine: Operations,
    ) -> dict[str, Any]:
        encoder, decoder = self._packers(lengths)
        read = encoder.pack([source], engine=engine)
        written = decoder.pack([target], engine=engine)
        mask = engine.cast(written.padding_mask, "int32")
        inputs, after = slice(None, -1), slice(1, None)
        if not self._has_labels:
            inputs = after = slice(None)
        return {
            _SOURCE_IDS: read.token_ids,
            "encoder_padding_mask": engine.cast(read.padding_mask, "int32"),
            _TARGET_IDS: written.token_ids[:, inputs],
            "decoder_padding_mask": mask[:, inputs],
            "labels": written.token_ids[:, after],
            "weights": engine.cast(mask[:, after], "float32"),
        }

    def _rows(self, name: str, values: Any) -> tuple[Ragged, bool]:
        """Returns the ids of texts or of rows of ids, and whether there is one."""
        if name in (_SOURCE, _TARGET):
            texts, single = self.tokenizer.read_texts(values, name)
            return self.tokenizer.encode_batch(texts), single
        rows, single = as_rows(values, name)
        if NUMPY.is_text(rows.values) and len(rows.values):
            raise ValueError(f"Expected '{name}' to be ids, received strings. {_PAIRS}")
        return Ragged(rows.values.astype("int32"), rows.lengths), single

    def _on_host(
        self, pair: dict[str, Any], lengths: tuple[int, int]
    ) -> dict[str, Any]:
        (source, single), (target, is_one) = (
            self._rows(*part) for part in pair.items()
        )
        _require_same(source, target, single, is_one)
        outputs = self._packed(source, target, lengths, NUMPY)
        return {k: v[0] for k, v in outputs.items()} if single else outputs

    def _specs(
        self, pair: dict[str, Any], lengths: tuple[int, int]
    ) -> tuple[dict[str, Spec], bool]:
        """Returns dtypes and shapes of tensors, and whether there is one pair."""
        batches = [
            tuple(
                values.shape[
                    : rank(values, name) - (name in (_SOURCE_IDS, _TARGET_IDS))
                ]
            )
            for name, values in pair.items()
        ]
        if len(batches[0]) != len(batches[1]):
            raise _other_number("a single one", "a batch")
        encoder, decoder = (
            (*batches[0], length if self.pad_to is None else None) for length in lengths
        )
        specs = {
            _SOURCE_IDS: Spec("int32", encoder),
            "encoder_padding_mask": Spec("int32", encoder),
            _TARGET_IDS: Spec("int32", decoder),
            "decoder_padding_mask": Spec("int32", decoder),
            "labels": Spec("int32", decoder),
            "weights": Spec("float32", decoder),
        }
        return specs, not batches[0]

    def _of_tensors(
        self, pair: dict[str, Any], lengths: tuple[int, int]
    ) -> dict[str, Any]:
        import tensorflow as tf

        # What was at hand may stand beside a tensor of the graph.
        pair = {
            name: values if is_tensorflow(values) else tf.constant(values)
            for name, values in pair.items()
        }
        specs, single = self._specs(pair, lengths)
        if not self.tokenizer.graph:
            called: dict[str, Any] = host_call(self._on_host, (pair, lengths), specs)
            return called
        rows = []
        for name, values in pair.items():
            batch = values[None] if single else values
            if name in (_SOURCE, _TARGET):
                batch = self.tokenizer.encode_in_graph(batch)
            rows.append(as_tensor_rows(batch, name)[0])
        engine = tensorflow_operations()
        outputs = engine.run(self._packed, *rows, lengths, engine)
        return {
            name: tf.ensure_shape(value[0] if single else value, specs[name].shape)
            for name, value in outputs.items()
        }


def _read_pair(x: Any, y: Any) -> dict[str, Any]:
    """Returns sources and targets under names that say what they are.

    Raises:
        ValueError: if one of them is missing, or there twice.
    """
    if isinstance(x, dict) and _SOURCE_IDS in x:
        if y is not None or _TARGET_IDS not in x:
            raise ValueError(
                f"Expected ids of targets as '{_TARGET_IDS}' beside '{_SOURCE_IDS}', "
                f"and no `y`; received {sorted(x)} and {type(y).__name__} as `y`. "
                f"{_PAIRS}"
            )
        return {name: x[name] for name in (_SOURCE_IDS, _TARGET_IDS)}
    pair = _read_source(x)
    if (_TARGET in pair) == (y is not None):
        what = "no target" if y is None else f"both '{_TARGET}' and `y`"
        raise ValueError(
            f"Expected a target for each source, once; received {what}. {_PAIRS}"
        )
    return pair if y is None else {**pair, _TARGET: y}


def _read_source(x: Any) -> dict[str, Any]:
    """Returns sources, with what there is of targets."""
    if not isinstance(x, dict):
        return {_SOURCE: x}
    if _SOURCE not in x or x.keys() - {_SOURCE, _TARGET}:
        raise ValueError(
            f"Expected a dict with '{_SOURCE}', and no more than '{_TARGET}' beside "
            f"it; received {sorted(map(str, x))}. {_PAIRS}"
        )
    return {name: x[name] for name in (_SOURCE, _TARGET) if name in x}


def _require_same(source: Ragged, target: Ragged, single: bool, is_one: bool) -> None:
    if len(source) != len(target) or single != is_one:
        counts = (
            "a single one" if one else f"{len(rows)}"
            for rows, one in ((source, single), (target, is_one))
        )
        raise _other_number(*counts)


def _other_number(sources: str, targets: str) -> ValueError:
    return ValueError(
        f"Expected as many targets as sources, received {sources} as sources and "
        f"{targets} as targets. {_PAIRS}"
    )
