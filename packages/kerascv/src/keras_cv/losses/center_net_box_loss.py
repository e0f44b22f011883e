"""How far boxes in space are off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from domain_core.arguments import as_positive_int
from domain_core.arrays import operations
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.losses.base import as_number
from keras_cv.losses.smooth_l1_loss import smooth_l1

# Errors below its inverse are square.
_SIGMA = 9.0


@serializable("kerascv")
class CenterNetBoxLoss(RemembersArguments, keras.losses.Loss):
    """Sum of the losses of a box's center, heading and size.

    A turn is cut into bins, the first around heading 0. The heading is a class, the
    bin, by cross-entropy, and how far it is off the bin's middle, in halves of a bin.
    The size is in those of the anchor, minus 1. All errors but that of the class are
    smooth L1, square below 1/9.

    Args:
        num_heading_bins: number of bins `K`, at least 1.
        anchor_size: length, width and height of the anchor, each above 0.
        reduction: see `keras.losses.Loss`.
        name: of the loss.
        dtype: of the loss; it is computed in float32 at least.

    Call arguments:
        y_true: `(..., 7)`: x, y, z, length, width, height and heading in radians.
        y_pred: `(..., 6 + 2 K)`: x, y, z, the logits of the bins, the residuals of the
            bins, and the size.

    Returns:
        Scalar, or `(...)` with `reduction=None`.

    Raises:
        ValueError: if an argument is out of range or shapes do not fit.

    References:
        Yin et al., "Center-based 3D Object Detection and Tracking", 2020,
        https://arxiv.org/abs/2006.11275; the bins after Qi et al., "Frustum PointNets",
        2017, https://arxiv.org/abs/1711.08488.
    """

    def __init__(
        self,
        num_heading_bins: int,
        anchor_size: Sequence[float],
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "center_net_box_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.num_heading_bins = as_positive_int("num_heading_bins", num_heading_bins)
        if not isinstance(anchor_size, Sequence) or len(anchor_size) != 3:
            raise ValueError(
                "Expected `anchor_size` as (length, width, height), received "
                f"{anchor_size!r:.200}."
            )
        self.anchor_size = [as_number("anchor_size", x, above=0) for x in anchor_size]

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = (operations.as_float(x, ops) for x in (y_true, y_pred))
        bins = self.num_heading_bins
        widths = y_true.shape[-1], y_pred.shape[-1]
        if widths != (7, 6 + 2 * bins):
            raise ValueError(
                f"Expected 7 numbers per box in `y_true` and {6 + 2 * bins} in "
                f"`y_pred` for num_heading_bins={bins}, received {widths[0]} and "
                f"{widths[1]}."
            )
        center = _l1(y_pred[..., :3] - y_true[..., :3])
        anchor = ops.cast(self.anchor_size, y_true.dtype)
        size = _l1(y_true[..., 3:6] / anchor - (y_pred[..., -3:] + 1.0))
        logits, residuals = y_pred[..., 3 : 3 + bins], y_pred[..., 3 + bins : -3]
        return center + self._heading_loss(y_true[..., 6], logits, residuals) + size

    def _heading_loss(self, heading: Any, logits: Any, residuals: Any) -> Any:
        bins = self.num_heading_bins
        width = 2 * math.pi / bins
        angle = ops.mod(heading + width / 2, 2 * math.pi)
        # Just below a whole turn it may be rounded up to one.
        bin = ops.minimum(ops.floor(angle / width), bins - 1)
        residual = (angle - (bin + 0.5) * width) / (width / 2)
        is_bin = ops.one_hot(ops.cast(bin, "int32"), bins, dtype=logits.dtype)
        entropy = -ops.sum(is_bin * ops.log_softmax(logits, axis=-1), axis=-1)
        found = ops.sum(is_bin * residuals, axis=-1, keepdims=True)
        return entropy + _l1(found - residual[..., None])


def _l1(difference: Any) -> Any:
    """Sums smooth L1 over the last axis."""
    return ops.sum(smooth_l1(difference, 1 / _SIGMA), axis=-1)
