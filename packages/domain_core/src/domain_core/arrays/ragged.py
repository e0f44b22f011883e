"""Rows of different lengths as two NumPy arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True, eq=False)
class Ragged:
    """All values of all rows in a line, and how many belong to each row.

    It is what tokenizers give and packers take: no Python object per token.

    Attributes:
        values: `(N,)` or `(N, ...)`, the rows one after another.
        lengths: int64 `(B,)`, its sum is `N`.
    """

    values: np.ndarray
    lengths: np.ndarray

    @classmethod
    def from_rows(cls, rows: Sequence[Iterable[Any]], dtype: Any = np.int32) -> Ragged:
        """Collects a sequence of sequences (lists, or arrays)."""
        lengths = np.fromiter(map(len, rows), np.int64, len(rows))  # type: ignore[arg-type]
        count = int(lengths.sum())
        values = np.fromiter(chain.from_iterable(rows), np.dtype(dtype), count)
        return cls(values, lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def starts(self) -> np.ndarray:
        """Index of each row's first value, int64 `(B,)`."""
        return np.cumsum(self.lengths) - self.lengths

    @property
    def row_indices(self) -> np.ndarray:
        """The row of each value, int64 `(N,)`."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def rows(self) -> list[np.ndarray]:
        """Returns one array per row; they share memory with `values`."""
        ends = np.cumsum(self.lengths).tolist()
        starts = self.starts.tolist()
        return [self.values[i:j] for i, j in zip(starts, ends, strict=True)]

    def to_list(self) -> list[list[Any]]:
        """Returns the rows as Python lists."""
        values, ends = self.values.tolist(), np.cumsum(self.lengths).tolist()
        starts = self.starts.tolist()
        return [values[i:j] for i, j in zip(starts, ends, strict=True)]

    def cut(self, lengths: int | np.ndarray, side: str = "right") -> Ragged:
        """Keeps at most so many values of each row.

        Args:
            lengths: int or `(B,)`.
            side: which end of a row is cut, "right" or "left".
        """
        kept = np.minimum(self.lengths, lengths)
        if (kept == self.lengths).all():
            return self
        first = self.lengths - kept if side == "left" else np.zeros_like(kept)
        return self.take(np.arange(len(self)), first, kept)

    def take(self, rows: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> Ragged:
        """Takes stretches of rows; a row may give several or none.

        Args:
            rows: int `(R,)`, the row of each stretch.
            starts: int `(R,)`, place in that row where it begins.
            lengths: int `(R,)`, how many values it has; it must lie within the row.

        Returns:
            The stretches as `R` rows.
        """
        lengths = np.asarray(lengths, np.int64)
        index = _runs(self.starts[rows] + starts, lengths)
        return Ragged(self.values[index], lengths)

    def pick(self, rows: np.ndarray) -> Ragged:
        """Returns some of the rows, in the order of their numbers `(R,)`."""
        return self.take(rows, np.zeros_like(rows), self.lengths[rows])

    def where(self, kept: np.ndarray) -> Ragged:
        """Keeps the values at which a bool array `(N,)` is True."""
        if kept.all():
            return self
        lengths = np.bincount(self.row_indices[kept], minlength=len(self))
        return Ragged(self.values[kept], lengths.astype(np.int64))

    def write(self, dense: np.ndarray, columns: int | np.ndarray) -> np.ndarray:
        """Writes each row into the same row of an array, which must have room.

        Args:
            dense: contiguous `(B, width)` or `(B, width, ...)`, changed in place.
            columns: int or `(B,)`, where each row begins.

        Returns:
            Where the values went: int `(N,)`, indices into the flattened first two
            axes.
        """
        width = dense.shape[1]
        index = _runs(np.arange(len(self)) * width + columns, self.lengths)
        dense.reshape(-1, *dense.shape[2:])[index] = self.values
        return index

    def to_dense(
        self, width: int, pad_value: Any = 0, side: str = "right"
    ) -> np.ndarray:
        """Cuts rows on the right, and pads them to one length.

        Args:
            width: the length.
            pad_value: what fills the rest.
            side: which end of a row is padded, "right" or "left".

        Returns:
            Array `(B, width)` or `(B, width, ...)`.
        """
        shape = (len(self), width, *self.values.shape[1:])
        dense = np.full(shape, pad_value, self.values.dtype)
        rows = self.cut(width)
        rows.write(dense, width - rows.lengths if side == "left" else 0)
        return dense

    def padded(self, width: int, pad_value: Any = 0) -> Ragged:
        """Cuts and pads each row to the same length."""
        dense = self.to_dense(width, pad_value)
        return Ragged(dense.reshape(-1), np.full(len(self), width))


def _runs(first: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns `first[i], first[i] + 1, ...` of each length, one after another."""
    before = np.cumsum(lengths) - lengths
    return np.arange(int(lengths.sum())) + np.repeat(first - before, lengths)
