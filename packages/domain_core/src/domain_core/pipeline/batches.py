"""What Keras' training loop reads: prepared batches, made one step ahead."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import keras
import numpy as np

from domain_core.pipeline.prefetch import Prefetcher
from domain_core.pipeline.samples import Samples, map_leaves
from domain_core.pipeline.sources import Source

# Batches that are being made or wait, besides the one the model works on.
PREFETCH = 2

# How many batches Keras looks at before it trains (two for a TensorFlow signature).
_LOOKED_AT = 2


class BatchDataset(keras.utils.PyDataset):
    """A source turned into a `PyDataset` that is read once from front to back per pass.

    Keras asks for batches by index, and for the first ones more than once: to check
    them, to build metrics and to derive a signature. So the first pass stays open until
    the first epoch has taken it over, and gives its first batches again on demand.

    Args:
        source: batches of raw samples.
        prepare: turns a raw batch `(x, y, sample_weight)` into what the model gets.
        varying_axes: see `PipelineModel`.

    Attributes:
        error: the exception a background thread ended with, or None.
    """

    def __init__(
        self,
        source: Source,
        prepare: Callable[[Samples, Samples, Samples], tuple],
        varying_axes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        # One worker: Keras then asks from its own loop, without queues of its own.
        super().__init__(workers=1)
        self.source: Source | None = source
        self.error: BaseException | None = None
        self._prepare: Callable[..., tuple] | None = prepare
        self._lock = threading.Lock()
        self._pass: Prefetcher | None = None
        self._position = 0
        self._first_batches: list[Any] = []
        self._training_began = False
        self._may_repeat = False
        # TensorFlow's signature comes of the first two batches: what is of one size in
        # both has to stay so, unless the second one is seen with another size.
        self._loosened = varying_axes if keras.backend.backend() == "tensorflow" else {}

    @property
    def num_batches(self) -> int | None:
        return None if self.source is None else self.source.num_batches

    def __getitem__(self, index: int) -> Any:
        with self._lock:
            if index == 0:
                self._begin_pass()
            if index < len(self._first_batches):
                return self._first_batches[index]
            loosened, self._loosened = self._loosened, {} if index else self._loosened
            if index != self._position or self._pass is None:
                raise RuntimeError(
                    f"Batches are read in order: expected a request for batch "
                    f"{self._position}, received one for batch {index}."
                )
            try:
                batch = next(self._pass)
            except BaseException as error:
                self.error = error
                raise
            self._position += 1
            if index < _LOOKED_AT:
                self._first_batches.append(batch)
            return _longer(batch, loosened) if index and loosened else batch

    def another_pass(self) -> Iterator[Any]:
        """Yields all batches once more, whatever a loop of Keras has read of them."""
        assert self.source is not None and self._prepare is not None, "it is closed"
        yield from _prepared(iter(self.source), self._prepare, self.source)

    def on_epoch_end(self) -> None:
        # Keras calls it once when it has looked at the data, then after each epoch.
        self._training_began = True

    def close(self) -> None:
        """Stops the background thread, and lets go of the data and of the model.

        TensorFlow keeps every generator that a dataset was made of, and so this object,
        for as long as the process lives.
        """
        self._end_pass()
        self.source = self._prepare = self.error = None

    def _end_pass(self) -> None:
        if self._pass is not None:
            self._pass.close()
        self._pass = None
        self._first_batches = []

    def _begin_pass(self) -> None:
        if self._pass is not None and self._may_repeat:
            self._may_repeat = not self._training_began
            return
        self._end_pass()
        self._position = 0
        self._may_repeat = not self._training_began
        assert self.source is not None and self._prepare is not None, "it is closed"
        batches = iter(self.source)  # draws the order of the samples
        prepared = _prepared(batches, self._prepare, self.source)
        self._pass = Prefetcher(prepared, depth=PREFETCH)


def _prepared(
    batches: Iterator[Any], prepare: Callable[..., tuple], source: Source
) -> Iterator[tuple]:
    for batch in batches:
        try:
            prepared = prepare(*batch)
        except Exception as error:
            if note := source.describe_batch():
                error.add_note(note)
            raise
        yield prepared


def _longer(batch: tuple, axes: Mapping[str, tuple[int, ...]]) -> tuple:
    """Returns a batch that is longer by one on some axes, for its shapes alone."""

    def longer(leaf: np.ndarray, path: str) -> np.ndarray:
        shape = list(leaf.shape)
        for axis in axes.get(path, ()):
            shape[axis] += 1
        return np.empty(shape, leaf.dtype) if path in axes else leaf

    parts = zip(("x", "y", "sample_weight"), batch, strict=False)
    return tuple(map_leaves(longer, part, name) for name, part in parts)
