"""Where batches of raw samples come from: arrays in memory, or a dataset."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from domain_core.arguments import as_positive_int
from domain_core.pipeline.samples import (
    Samples,
    as_samples,
    count_samples,
    is_scalar,
    map_leaves,
    take,
    unpack,
)
from domain_core.pipeline.streams import Stream, as_stream

RawBatch = tuple[Samples, Samples, Samples]

_END = object()


class ArraySource:
    """Samples in memory, cut into batches; the last one may be smaller.

    Args:
        x: inputs.
        y: targets or None.
        sample_weight: weights or None.
        batch_size: samples per batch; by default 32, or so many that the samples make
            `steps` batches.
        steps: batches per pass asked for by the caller, or None.
        shuffle: draw a new order for every pass, from NumPy's global generator (so
            that `keras.utils.set_random_seed` fixes it). "batch" shuffles inside each
            batch only.
    """

    def __init__(
        self,
        x: Samples,
        y: Samples,
        sample_weight: Samples,
        *,
        batch_size: int | None = None,
        steps: int | None = None,
        shuffle: bool | str = False,
    ) -> None:
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self.num_samples = count_samples(x, y, sample_weight)
        self.batch_size = batch_size or math.ceil(
            self.num_samples / steps if steps else 32
        )
        self.shuffle = shuffle
        self._options = {"batch_size": batch_size, "steps": steps}
        self._rows: np.ndarray | None = None  # of the batch cut last, if shuffled

    @property
    def num_batches(self) -> int:
        return math.ceil(self.num_samples / self.batch_size)

    def __iter__(self) -> Iterator[RawBatch]:
        # The order is drawn now, in the caller's thread; batches are cut on demand.
        order = None
        if self.shuffle and self.shuffle != "batch":
            order = np.random.permutation(self.num_samples)
        return self._cut(order)

    def describe_batch(self) -> str | None:
        """Says which samples the batch cut last holds, if that is not obvious."""
        if self._rows is None:
            return None
        shown = ", ".join(str(row) for row in self._rows)
        return f"Shuffled: this batch holds samples {shown} of the data, in this order."

    def split(
        self, fraction: float, *, batch_size: int | None, steps: int | None
    ) -> tuple[ArraySource, ArraySource]:
        """Splits off the last `fraction` of the samples, as Keras does.

        Args:
            fraction: part of the samples, between 0 and 1.
            batch_size: that of the part split off, by default the one of the source.
            steps: batches per pass over the part split off, or None.
        """
        at = math.floor(self.num_samples * (1.0 - fraction))
        if at in (0, self.num_samples):
            raise ValueError(
                f"`validation_split={fraction}` of {self.num_samples} samples leaves "
                f"{at} for training and {self.num_samples - at} for validation. "
                "Expected at least one each: give more samples or another fraction."
            )
        parts = (self.x, self.y, self.sample_weight)
        first = (take(part, slice(0, at)) for part in parts)
        last = (take(part, slice(at, None)) for part in parts)
        batch_size = batch_size or self._options["batch_size"]
        return (
            ArraySource(*first, shuffle=self.shuffle, **self._options),
            ArraySource(*last, batch_size=batch_size, steps=steps),
        )

    def _cut(self, order: np.ndarray | None) -> Iterator[RawBatch]:
        for start in range(0, self.num_samples, self.batch_size):
            stop = min(start + self.batch_size, self.num_samples)
            rows: slice | np.ndarray = slice(start, stop)
            if order is not None:
                rows = self._rows = order[start:stop]
            elif self.shuffle:
                rows = self._rows = start + np.random.permutation(stop - start)
            yield take(self.x, rows), take(self.y, rows), take(self.sample_weight, rows)


class StreamSource:
    """Batches of a dataset, in its own batch sizes.

    Keras must know how many batches there are. Where a dataset does not say, its raw
    batches are counted in one pass, and a generator's are kept in memory and used again
    in every pass; with `steps` neither happens, and a dataset that ends before they are
    done starts over.

    Args:
        stream: the dataset.
        steps: batches per pass asked for by the caller, or None.
        passes: how often `steps` batches will be taken.
    """

    batch_size = None  # each batch has its own

    def __init__(self, stream: Stream, *, steps: int | None, passes: int = 1) -> None:
        self._stream = stream
        self.num_batches: int | None
        if steps is None and not stream.can_restart:
            kept = list(stream.open())
            self._stream = Stream(stream.kind, lambda: iter(kept), lambda: len(kept))
            self.num_batches = len(kept)
        elif steps is None or stream.is_count_known:
            self.num_batches = stream.count()
        else:
            self.num_batches = None if stream.can_restart else steps * passes
        if self.num_batches == 0:
            raise ValueError(
                f"Expected at least one batch: the {stream.kind} is empty."
            )
        if self.num_batches is None and steps is None:
            raise ValueError(
                f"The {stream.kind} has no end. Pass `steps_per_epoch` to `fit`, "
                "`validation_steps` for validation data, `steps` to `evaluate` and "
                "`predict`."
            )

    def describe_batch(self) -> str | None:
        """Says nothing: a dataset's batches come as it gives them."""
        return None

    def __iter__(self) -> Iterator[RawBatch]:
        # Opened by the caller's thread: some datasets draw a seed then.
        return self._read(self._stream.open())

    def _read(self, batches: Iterator[Any]) -> Iterator[RawBatch]:
        total = self.num_batches
        for index in itertools.count() if total is None else range(total):
            element = next(batches, _END)
            if element is _END and self._stream.can_restart:
                batches = self._stream.open()
                element = next(batches, _END)
            if element is _END:
                raise ValueError(
                    f"The {self._stream.kind} ended after {index} batches, expected "
                    f"{total or 'more'}. Pass fewer steps or epochs, or a dataset that "
                    "can be read again."
                )
            yield self._check(element)

    def _check(self, element: Any) -> RawBatch:
        x, y, sample_weight = unpack(element)
        batch = (
            as_samples(x, "x"),
            as_targets(y),
            as_samples(sample_weight, "sample_weight"),
        )
        count_samples(*batch)
        return batch


Source = ArraySource | StreamSource


def open_source(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    *,
    batch_size: int | None = None,
    shuffle: bool | str = False,
    steps: int | None = None,
    passes: int = 1,
) -> Source:
    """Returns the source of whatever a user passes to `fit`, `evaluate`, `predict`.

    Args:
        x: samples in memory or a dataset.
        y: targets, if `x` is no dataset.
        sample_weight: weights, if `x` is no dataset.
        batch_size: samples per batch, 32 by default; most datasets have their own.
        shuffle: whether to draw a new order for every pass.
        steps: batches per pass, or None for all.
        passes: how often `steps` batches will be taken.

    Raises:
        ValueError: if the data is no batch of samples, see `as_samples`; if targets
            or weights come beside a dataset; if `batch_size` or `steps` is below 1.
    """
    for name, value in {"batch_size": batch_size, "steps": steps}.items():
        if value is not None:
            as_positive_int(name, value)
    stream = as_stream(x, shuffle=bool(shuffle), batch_size=batch_size)
    if stream is None:
        x, y = as_samples(x, "x"), as_targets(y)
        sample_weight = as_samples(sample_weight, "sample_weight")
        return ArraySource(
            x, y, sample_weight, batch_size=batch_size, steps=steps, shuffle=shuffle
        )
    for name, value in (("y", y), ("sample_weight", sample_weight)):
        if value is not None:
            raise ValueError(
                f"`{name}` was passed beside a {stream.kind}. Expected a dataset that "
                "holds its own: let it give `(x, y)` or `(x, y, sample_weight)`."
            )
    return StreamSource(stream, steps=steps, passes=passes)


def as_targets(y: Any) -> Samples:
    """Brings targets into form, lists of numbers or strings as NumPy arrays.

    Lists of anything else (dicts, arrays of different shapes) stay lists, for the
    preprocessor to deal with.
    """

    def convert(leaf: Any, path: str) -> Any:
        del path
        if not isinstance(leaf, list) or not is_scalar(leaf[0]):
            return leaf
        return np.asarray(leaf)

    return map_leaves(convert, as_samples(y, "y"))
