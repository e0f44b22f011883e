"""Random numbers for the samples of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from keras_cv.augmentation.beta import beta_quantile


class Draws:
    """Random numbers of one call of a layer, one row for each sample.

    Every distribution is made of uniform numbers in the same way by all engines.

    Args:
        batch: number of samples.
        ops: functions of the arrays that are returned.
        uniform: returns float32 `(batch, columns)` in `[0, 1)` for a number of columns
            and the number of the draw.

    Attributes:
        batch: number of samples, an int or a scalar tensor.
        ops: functions of the arrays.
    """

    def __init__(self, batch: Any, ops: Any, uniform: Callable[[int, int], Any]):
        self.batch = batch
        self.ops = ops
        self._uniform = uniform
        self._draws = 0

    def uniform(self, columns: int | None = None) -> Any:
        """Returns numbers in `[0, 1)`, `(batch,)` or `(batch, columns)`."""
        self._draws += 1
        numbers = self._uniform(columns or 1, self._draws - 1)
        return numbers[:, 0] if columns is None else numbers

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
