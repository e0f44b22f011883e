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

    def rows(self) -> list[np.ndarray]:
        """Returns one array per row; they share memory with `values`."""
        return np.split(self.values, np.cumsum(self.lengths)[:-1]) if len(self) else []

    def to_list(self) -> list[list[Any]]:
        """Returns the rows as Python lists."""
        return [row.tolist() for row in self.rows()]

    def positions(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns the row and the place in the row of each value, int64 `(N,)`."""
        row = np.repeat(np.arange(len(self)), self.lengths)
        return row, np.arange(len(row)) - self.starts[row]

    def slice(self, starts: np.ndarray, lengths: np.ndarray) -> Ragged:
        """Takes a stretch of each row.

        Args:
            starts: int `(B,)`, place in the row where its stretch begins.
            lengths: int `(B,)`, length of the stretch; it must lie within the row.
        """
        return self.take(np.arange(len(self)), starts, lengths)

    def take(
        self, indices: np.ndarray, starts: np.ndarray, lengths: np.ndarray
    ) -> Ragged:
        """Takes stretches of rows; a row may give several or none.

        Args:
            indices: int `(R,)`, the row of each stretch.
            starts: int `(R,)`, place in that row where it begins.
            lengths: int `(R,)`, how many values it has; it must lie within the row.

        Returns:
            The stretches as `R` rows.
        """
        lengths = np.asarray(lengths, np.int64)
        row = np.repeat(np.arange(len(lengths)), lengths)
        place = np.arange(len(row)) - (np.cumsum(lengths) - lengths)[row]
        first = self.starts[indices] + starts
        return Ragged(self.values[first[row] + place], lengths)

    def to_dense(self, width: int, pad_value: Any = 0) -> np.ndarray:
        """Cuts and pads each row on the right.

        Returns:
            Array `(B, width)` or `(B, width, ...)`.
        """
        shape = (len(self), width, *self.values.shape[1:])
        dense = np.full(shape, pad_value, self.values.dtype)
        row, place = self.positions()
        fits = place < width
        dense[row[fits], place[fits]] = self.values[fits]
        return dense
