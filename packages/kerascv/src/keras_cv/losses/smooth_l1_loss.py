"""Absolute error that is square near zero."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.losses.base import as_number, as_pair


@serializable("kerascv")
class SmoothL1Loss(RemembersArguments, keras.losses.Loss):
    """Mean over the last axis of the absolute error, square near zero.

    With `d` the error and `c` the cutoff `d ** 2 / (2 * c)` where `|d| < c`, else
    `|d| - c / 2`: for all `c` without a step, and of slope 1 far out.

    Args:
        l1_cutoff: error at which the square ends, above 0.
        reduction: see `keras.losses.Loss`.
        name: of the loss.
        dtype: of the loss; it is computed in float32 at least.

    Call arguments:
        y_true: `(..., n)`.
        y_pred: `(..., n)`.

    Returns:
        Scalar, or `(...)` with `reduction=None`.

    Raises:
        ValueError: if `l1_cutoff` is out of range or shapes differ.

    Reference:
        Girshick, "Fast R-CNN", 2015, https://arxiv.org/abs/1504.08083.

    Example:
        >>> float(keras_cv.losses.SmoothL1Loss()(np.array([[0.0]]), np.array([[3.0]])))
        2.5
    """

    def __init__(
        self,
        l1_cutoff: float = 1.0,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "smooth_l1_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.l1_cutoff = as_number("l1_cutoff", l1_cutoff, above=0)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = as_pair(y_true, y_pred)
        return ops.mean(smooth_l1(y_pred - y_true, self.l1_cutoff), axis=-1)


def smooth_l1(difference: Any, cutoff: float) -> Any:
    """Returns the absolute error of each number, square where it is below a cutoff."""
    size = ops.abs(difference)
    # No square is taken of what is large, which would overflow.
    near = ops.minimum(size, cutoff)
    return near * near / (2.0 * cutoff) + (size - near)
