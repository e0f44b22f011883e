"""One minus the overlap of boxes."""

from __future__ import annotations

from typing import Any

from keras import ops

from domain_core.arguments import check_choices
from domain_core.serialization import serializable
from keras_cv.bounding_box.overlap import (
    divide,
    intersection_and_union,
    read_pair,
    units,
)
from keras_cv.losses.base import EPSILON, BoxLoss

_MODES = ("linear", "quadratic", "log")


@serializable("kerascv")
class IoULoss(BoxLoss):
    """Loss of the intersection over union of boxes, one by one.

    Boxes that do not overlap have no gradient; `GIoULoss` and `CIoULoss` give one.
    The loss is computed for each box and then averaged.

    Args:
        bounding_box_format: see `keras_cv.bounding_box.convert_format`.
        mode: "linear": `1 - IoU`; "quadratic": `1 - IoU ** 2`; "log": `-log(IoU)`,
            where an IoU below 1e-7 counts as that.
        axis: over which axis of the losses `(...)` of boxes the mean is taken, without
            padding; "no_reduction" for none, which weights per box need.
        reduction: see `keras.losses.Loss`.
        name: of the loss.
        dtype: of the loss; it is computed in float32 at least.

    Call arguments:
        y_true: boxes `(..., 4)`; where it is padding, -1, the loss is 0.
        y_pred: boxes `(..., 4)`.

    Returns:
        Scalar; with `reduction=None` one loss for each sample, or for each box with
        `axis="no_reduction"`.

    Raises:
        ValueError: if an argument is none of its choices or shapes differ.

    Reference:
        Yu et al., "UnitBox", 2016, https://arxiv.org/abs/1608.01471.

    Example:
        >>> loss = keras_cv.losses.IoULoss("xyxy", mode="linear")
        >>> float(loss(np.array([[0, 0, 4, 4]]), np.array([[0, 0, 4, 1]])))
        0.75
    """

    def __init__(
        self,
        bounding_box_format: str,
        mode: str = "log",
        axis: int | str | None = -1,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "iou_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            bounding_box_format, axis, reduction=reduction, name=name, dtype=dtype
        )
        check_choices(mode=(mode, _MODES))
        self.mode = mode

    def box_loss(self, y_true: Any, y_pred: Any) -> Any:
        first, second, _ = read_pair(y_true, y_pred, self.bounding_box_format)
        unit = units(first, ops)
        iou = divide(*intersection_and_union(first, second, unit, ops), ops)
        if self.mode == "linear":
            return 1.0 - iou
        if self.mode == "quadratic":
            return 1.0 - iou * iou
        return -ops.log(ops.maximum(iou, EPSILON))
