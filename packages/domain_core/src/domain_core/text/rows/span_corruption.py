"""Leaves spans of tokens out, to be written by an encoder-decoder model."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.arguments import default_name
from domain_core.arrays.host_call import Spec, host_call, is_symbolic, rank, to_host
from domain_core.arrays.operations import NUMPY, Operations, tensorflow_operations
from domain_core.arrays.ragged import Ragged
from domain_core.arrays.random_stream import RandomStream
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from domain_core.text.rows.candidates import Candidates
from domain_core.text.rows.graph_rows import (
    as_ragged_tensor,
    as_tensor_rows,
    rectangular,
)
from domain_core.text.text_inputs import as_rows

_OUTPUTS = ("encoder_token_ids", "decoder_token_ids")


@serializable(package="domain_core")
class SpanCorruption(RemembersArguments):
    """Leaves spans of each row out, as T5's training does.

    Of a row of `n` tokens, `k = round(n * noise_density)` are left out, at least one
    and at most `n - 1`, in `s = round(k / mean_noise_span_length)` spans, at least one
    and at most `n - k`. Every way to divide `k` tokens into `s` spans, and the others
    into the stretches before each, is equally likely; so the first token stays and the
    last does not. Halves are rounded to even numbers.

    A sentinel takes the place of each span, the first of all in the first place: that
    is what the encoder reads, `n - k + s` tokens. The decoder writes each span behind
    its sentinel, and one more sentinel that ends them, as in the paper's figure 2,
    `k + s + 1` tokens. (The code of the paper's authors leaves that one out.) Of a row
    of one token or none nothing is left out, and the decoder writes one sentinel.

    Rows should have no special tokens around them: those come after, as
    `Seq2SeqLMPreprocessor` of `keras_nlp` puts them. It takes the outputs as they are.

    Call arguments:
        inputs: int ids `(T,)` or `(B, T)`, rows may differ in length.
        padding_mask: 0 at what is no token, of the same shape; None for none.

    Returns:
        A dict, "encoder_token_ids" and "decoder_token_ids": int32 `(B, ...)`, where all
        rows have the same number of tokens; else a list of arrays (in `tf.data` a
        ragged tensor). No batch axis for a single row.

    Args:
        sentinel_ids: ids of the sentinels in their order, such as those of
            `T5Tokenizer.sentinel_ids`; a row needs one more than it has spans.
        noise_density: share of the tokens to leave out, above 0 and below 1.
        mean_noise_span_length: tokens of a span on average, 1 at least.
        seed: makes the sequence of calls reproducible; see `RandomStream`. None draws
            a seed from NumPy's global state, which `keras.utils.set_random_seed` sets.
        name: name of the layer.
        graph: inside `tf.data` and other graphs, use TensorFlow operations only.
            Otherwise, and always on data that is at hand, NumPy does the same.

    Raises:
        ValueError: if an argument is out of range, or a row needs more sentinels than
            there are.

    Reference:
        [Raffel et al., 2020](https://arxiv.org/abs/1910.10683)

    Example:
        >>> import domain_core.text
        >>> corrupt = domain_core.text.SpanCorruption([99, 98, 97, 96], 0.4, seed=1)
        >>> outputs = corrupt([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
        >>> outputs["encoder_token_ids"].tolist()
        [1, 2, 3, 4, 5, 6, 99]
        >>> outputs["decoder_token_ids"].tolist()
        [99, 7, 8, 9, 10, 98]
    """

    def __init__(
        self,
        sentinel_ids: Sequence[int],
        noise_density: float = 0.15,
        *,
        mean_noise_span_length: float = 3.0,
        seed: int | None = None,
        name: str | None = None,
        graph: bool = False,
    ) -> None:
        self.sentinel_ids = _as_ids(sentinel_ids)
        if not _is_number(noise_density) or not 0 < noise_density < 1:
            raise ValueError(
                "Expected `noise_density` to be above 0 and below 1, received "
                f"{noise_density!r:.80}."
            )
        if not _is_number(mean_noise_span_length) or not (
            1 <= mean_noise_span_length < np.inf
        ):
            raise ValueError(
                "Expected `mean_noise_span_length` to be 1 or more tokens, received "
                f"{mean_noise_span_length!r:.80}."
            )
        self.noise_density = float(noise_density)
        self.mean_noise_span_length = float(mean_noise_span_length)
        self.seed = seed
        self.name = name or default_name(self)
        self.graph = graph
        self._stream = RandomStream(seed, "SpanCorruption")

    def __call__(self, inputs: Any, padding_mask: Any = None) -> dict[str, Any]:
        if is_symbolic(inputs, padding_mask):
            return self._of_tensors(inputs, padding_mask)
        inputs, padding_mask = to_host(inputs), to_host(padding_mask)
        parts, single = self._corrupted(inputs, padding_mask)
        if single:
            return {name: part.values for name, part in parts.items()}
        # An array without rows has widths all the same.
        even = isinstance(inputs, np.ndarray) and padding_mask is None
        widths = self._widths(inputs.shape[1] if even else None)
        return {name: rectangular(part, widths[name]) for name, part in parts.items()}

    def lengths(self, length: int) -> dict[str, int]:
        """Returns how many tokens the outputs have of a row of `length` tokens."""
        found = self._lengths(np.array([length], "int64"), NUMPY)
        return {name: int(counts[0]) for name, counts in found.items()}

    def corrupt(self, rows: Ragged, engine: Operations = NUMPY) -> dict[str, Ragged]:
        """Does what calling does, for ragged rows."""
        if engine.is_text(rows.values):
            raise ValueError("Expected integer ids to corrupt, received strings.")
        noise, spans = self._counts(rows.lengths, engine)
        if not engine.in_graph and spans.max(initial=0) >= len(self.sentinel_ids):
            raise ValueError(self._too_few(int(rows.lengths[spans.argmax()])))
        mask, first = self._noise(rows.lengths, noise, spans, engine)
        sentinels = engine.cast(np.array(self.sentinel_ids), "int32")
        # The span that each token belongs to, or is before, in its row.
        row = engine.row_indices(rows.lengths)
        span = engine.cumsum(engine.cast(first, "int64"))
        span = span - engine.take(engine.starts(spans), row) - 1
        marks = engine.nonzero(first)[0]
        marked = engine.take(sentinels, engine.take(span, marks))
        # What is read: of a span its first place alone.
        values = engine.put(engine.copy(rows.values), marks, marked)
        kept = engine.nonzero(engine.logical_or(engine.logical_not(mask), first))[0]
        read = Ragged(engine.take(values, kept), rows.lengths - noise + spans)
        # What is written: a token comes after those left out before it, and sentinels.
        lengths = noise + spans + 1
        left_out = engine.nonzero(mask)[0]
        their_row = engine.take(row, left_out)
        number = engine.arange(engine.size(left_out), dtype="int64")
        number = number - engine.take(engine.starts(noise), their_row)
        starts = engine.starts(lengths)
        place = engine.take(starts, their_row) + number
        place = place + engine.take(span, left_out) + 1
        is_first = engine.nonzero(engine.take(first, left_out))[0]
        written = engine.full(engine.sum(lengths), 0, "int32")
        tokens = engine.cast(engine.take(rows.values, left_out), "int32")
        written = engine.put(written, place, tokens)
        written = engine.put(written, engine.take(place, is_first) - 1, marked)
        ends = engine.take(sentinels, spans)
        written = engine.put(written, starts + lengths - 1, ends)
        return dict(zip(_OUTPUTS, (read, Ragged(written, lengths)), strict=True))

    def _lengths(self, lengths: Any, engine: Operations) -> dict[str, Any]:
        noise, spans = self._counts(lengths, engine)
        both = lengths - noise + spans, noise + spans + 1
        return dict(zip(_OUTPUTS, both, strict=True))

    def _counts(self, lengths: Any, engine: Operations) -> tuple[Any, Any]:
        """Returns how many tokens of rows are left out, in how many spans."""
        share = engine.cast(lengths, "float64") * self.noise_density
        noise = engine.cast(engine.round(share), "int64")
        noise = engine.maximum(engine.minimum(noise, lengths - 1), 1)
        noise = engine.where(lengths > 1, noise, engine.zeros_like(noise))
        spans = engine.cast(noise, "float64") / self.mean_noise_span_length
        spans = engine.maximum(engine.cast(engine.round(spans), "int64"), 1)
        return noise, engine.minimum(spans, engine.minimum(noise, lengths - noise))

    def _noise(
        self, lengths: Any, noise: Any, spans: Any, engine: Operations
    ) -> tuple[Any, Any]:
        """Chooses what to leave out.

        Returns:
            Bool `(N,)`, whether a token is left out; and whether it is the first of its
            span.
        """
        call = self._stream.next_call(engine)
        # A row without spans is one stretch.
        stretches = engine.maximum(spans, engine.minimum(lengths, 1))
        others = self._divided(lengths - noise, stretches, call, 0, engine)
        rows = engine.row_indices(stretches)
        has_span = engine.take(spans, rows) > 0
        spans_of = self._divided(noise, spans, call, 1, engine)
        left_out = engine.zeros_like(others)
        left_out = engine.put(left_out, engine.nonzero(has_span)[0], spans_of)
        # A stretch that stays, a span, and so on.
        sizes = engine.reshape(engine.stack([others, left_out], 1), (-1,))
        is_span = engine.arange(engine.size(sizes), dtype="int64") % 2 == 1
        mask = engine.repeat(is_span, sizes)
        starts = engine.take(engine.starts(sizes), engine.nonzero(sizes > 0)[0])
        first = engine.full(engine.size(mask), False, "bool")
        first = engine.put(first, starts, True)
        return mask, engine.logical_and(first, mask)

    def _divided(
        self, items: Any, parts: Any, call: Any, draw: int, engine: Operations
    ) -> Any:
        """Returns the sizes of parts that items of each row are divided into."""
        row = engine.row_indices(items)
        number = engine.arange(engine.size(row), dtype="int64")
        number = number - engine.take(engine.starts(items), row)
        # A part begins at the first item, and at some of the others.
        candidates = Candidates.where(number > 0, items, engine)
        keys = self._stream.word(call, candidates.available, draw, engine)
        chosen = candidates.lowest(keys, engine.maximum(parts - 1, 0), engine)
        begins = engine.put(number == 0, engine.take(candidates.place, chosen), True)
        part = engine.cumsum(engine.cast(begins, "int64")) - 1
        return engine.bincount(part, minlength=engine.sum(parts))

    def _widths(self, length: int | None) -> dict[str, int | None]:
        known = {} if length is None else self.lengths(length)
        return {name: known.get(name) for name in _OUTPUTS}

    def _corrupted(
        self, inputs: Any, padding_mask: Any
    ) -> tuple[dict[str, Ragged], bool]:
        rows, single = as_rows(inputs)
        if padding_mask is not None:
            mask, is_one = as_rows(_as_mask(padding_mask), "padding_mask")
            if single != is_one or mask.lengths.tolist() != rows.lengths.tolist():
                raise ValueError(
                    "Expected a `padding_mask` of the shape of `inputs`, received rows "
                    f"of {mask.lengths.tolist()[:5]} beside rows of "
                    f"{rows.lengths.tolist()[:5]} tokens."
                )
            rows = rows.where(mask.values == 1)
        return self.corrupt(rows), single

    def _of_tensors(self, inputs: Any, padding_mask: Any) -> dict[str, Any]:
        single = rank(inputs, "inputs") == 1
        is_ragged = type(inputs).__name__ == "RaggedTensor" or padding_mask is not None
        out = {}
        widths = self._widths(None if is_ragged else inputs.shape[-1])
        for name, width in widths.items():
            if single:
                out[name] = Spec("int32", (width,))
            elif is_ragged:
                out[name] = Spec("int32", (None,), ragged=True)
            else:
                out[name] = Spec("int32", (inputs.shape[0], width))
        if not self.graph:
            arguments = inputs, padding_mask, out
            called: dict[str, Any] = host_call(self._on_host, arguments, out)
            return called
        parts = self._in_graph(inputs, padding_mask)
        if is_ragged and not single:
            return {name: as_ragged_tensor(part) for name, part in parts.items()}
        import tensorflow as tf

        engine, shape = tensorflow_operations(), tf.shape(inputs, "int64")
        found = self._lengths(shape[-1:], engine)
        values = {name: part.values for name, part in parts.items()}
        if not single:
            values = {
                name: tf.reshape(values[name], tf.concat([shape[:1], found[name]], 0))
                for name in _OUTPUTS
            }
        return {name: tf.ensure_shape(values[name], out[name].shape) for name in out}

    def _on_host(
        self, inputs: Any, padding_mask: Any, out: dict[str, Spec]
    ) -> dict[str, Any]:
        parts, single = self._corrupted(inputs, padding_mask)
        if single:
            return {name: part.values for name, part in parts.items()}
        return {
            name: part if out[name].ragged else rectangular(part, out[name].shape[-1])
            for name, part in parts.items()
        }

    def _in_graph(self, inputs: Any, padding_mask: Any) -> dict[str, Ragged]:
        import tensorflow as tf

        rows, _ = as_tensor_rows(inputs)
        engine = tensorflow_operations()
        if padding_mask is not None:
            mask, _ = as_tensor_rows(tf.cast(padding_mask, "int32"), "padding_mask")
            same = tf.debugging.assert_equal(
                mask.lengths, rows.lengths, "Expected a `padding_mask` of that shape."
            )
            with tf.control_dependencies([same]):
                kept = engine.nonzero(mask.values != 0)[0]
            row = engine.take(engine.row_indices(rows.lengths), kept)
            lengths = engine.bincount(row, minlength=engine.size(rows.lengths))
            rows = Ragged(engine.take(rows.values, kept), lengths)
        _, spans = self._counts(rows.lengths, engine)
        enough = tf.debugging.assert_less(
            spans,
            tf.constant(len(self.sentinel_ids), "int64"),
            self._too_few("so many"),
        )
        with tf.control_dependencies([enough]):
            rows = Ragged(tf.identity(rows.values), tf.identity(rows.lengths))
        corrupted: dict[str, Ragged] = engine.run(self.corrupt, rows, engine)
        return corrupted

    def _too_few(self, length: Any) -> str:
        return (
            f"Expected a sentinel for each span and one more; of a row of {length} "
            f"tokens there are more than the {len(self.sentinel_ids)} sentinels. Cut "
            "rows, pass more `sentinel_ids`, or a larger `mean_noise_span_length`."
        )


def _as_mask(mask: Any) -> Any:
    """Returns a mask of any type as integers, which rows are read of."""
    if isinstance(mask, list | tuple) and any(map(np.ndim, mask)):
        return [(np.asarray(row) != 0).astype("int32") for row in mask]
    return (np.asarray(mask) != 0).astype("int32")


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _as_ids(values: Any) -> list[int]:
    """Returns sentinels, or raises ValueError."""
    ids = list(values) if isinstance(values, Sequence | np.ndarray) else []
    if (
        len(ids) < 2
        or not all(isinstance(i, int | np.integer) and not i < 0 for i in ids)
        or len(set(ids)) < len(ids)
        or any(isinstance(i, bool) for i in ids)
    ):
        raise ValueError(
            "Expected `sentinel_ids` to be two or more different ids, received "
            f"{values!r:.80}. Pass those of the tokenizer."
        )
    return [int(i) for i in ids]
