"""Random numbers for the samples of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from domain_core.arrays.operations import Operations
from keras_cv.augmentation.beta import beta_quantile

# Of a draw that is made ahead: as many as the counter gives at a time.
_COLUMNS = 4


class Draws:
    """Random numbers of one call of a layer, one row for each sample.

    Every distribution is made of uniform numbers in the same way by all engines.

    Args:
        batch: number of samples.
        ops: functions of the arrays that are returned.
        uniform: returns float32 `(batch, columns)` in `[0, 1)` for a number of columns
            and the number of the draw.
        ahead: how many draws of few columns to make at once, which costs hardly more
            than one.

    Attributes:
        batch: number of samples, an int or a scalar tensor.
        ops: functions of the arrays.
    """

    def __init__(
        self,
        batch: Any,
        ops: Operations,
        uniform: Callable[[int, int], Any],
        ahead: int = 4,
    ) -> None:
        self.batch = batch
        self.ops = ops
        self._uniform = uniform
        self._draws = 0
        self._width = _COLUMNS * ahead
        self._next = self._width
        self._made: Any = None

    def uniform(self, columns: int | None = None) -> Any:
        """Returns numbers in `[0, 1)`, `(batch,)` or `(batch, columns)`."""
        if columns is not None and columns > _COLUMNS:
            return self._draw(columns)
        if self._next == self._width:
            self._made, self._next = self._draw(self._width), 0
        first = self._next
        self._next += _COLUMNS
        if columns is None:
            return self._made[:, first]
        return self._made[:, first : first + columns]

    def _draw(self, columns: int) -> Any:
        self._draws += 1
        return self._uniform(columns, self._draws - 1)

    def between(self, low: float, high: float) -> Any:
        """Returns numbers in `[low, high)`, `(batch,)`."""
        return low + (high - low) * self.uniform()

    def integers(self, stop: int, columns: int | None = None) -> Any:
        """Returns int32 numbers from 0 to `stop - 1`."""
        ops = self.ops
        return ops.cast(ops.floor(self.uniform(columns) * stop), "int32")

    def normal(self, columns: int = 1) -> Any:
        """Returns standard normal numbers, `(batch, columns)`."""
        ops = self.ops
        numbers = self.uniform(2 * columns)
        radius = ops.sqrt(-2.0 * ops.log(1.0 - numbers[:, :columns]))
        return radius * ops.cos(2.0 * np.pi * numbers[:, columns:])

    def order(self, columns: int) -> Any:
        """Returns a permutation of `range(columns)` for each sample, int32."""
        order = self.ops.argsort(self.uniform(columns), axis=-1)
        return self.ops.cast(order, "int32")

    def permutation(self) -> Any:
        """Returns a permutation of the samples, int32 `(batch,)`."""
        return self.ops.cast(self.ops.argsort(self.uniform(), axis=0), "int32")

    def beta(self, a: float, b: float | None = None) -> Any:
        """Returns numbers of the beta distribution, `(batch,)`; `b` is `a` if None."""
        return beta_quantile(self.uniform(), a, a if b is None else b, self.ops)

    def dirichlet(self, alpha: float, columns: int) -> Any:
        """Returns numbers that add up to 1, `(batch, columns)`: broken off a stick."""
        parts, rest = [], 1.0
        for left in range(columns - 1, 0, -1):
            share = self.beta(alpha, alpha * left)
            parts.append(rest * share)
            rest = rest * (1.0 - share)
        last = rest if parts else self.uniform() * 0.0 + 1.0
        return self.ops.stack([*parts, last], axis=1)
