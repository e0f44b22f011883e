"""One minus the complete overlap of boxes."""

from __future__ import annotations

from typing import Any

from domain_core.serialization import serializable
from keras_cv.bounding_box.compute_ciou import compute_ciou
from keras_cv.losses.base import BoxLoss, as_number


@serializable("kerascv")
class CIoULoss(BoxLoss):
    """`1 - CIoU` of boxes, one by one; see `keras_cv.bounding_box.compute_ciou`.

    Args:
        bounding_box_format: see `keras_cv.bounding_box.convert_format`.
        eps: not used: boxes without an area need none here.
        axis: see `IoULoss`; by default there is a loss per box.
        reduction: see `keras.losses.Loss`.
        name: of the loss.
        dtype: of the loss; it is computed in float32 at least.

    Call arguments:
        y_true: boxes `(..., 4)`; where it is padding, -1, the loss is 0.
        y_pred: boxes `(..., 4)`.

    Returns:
        See `IoULoss`.

    Raises:
        ValueError: if there is no such format or shapes differ.

    Reference:
        Zheng et al., "Distance-IoU Loss", 2019, https://arxiv.org/abs/1911.08287.

    Example:
        >>> loss = keras_cv.losses.CIoULoss("xyxy")
        >>> float(loss(np.array([[0, 0, 1, 1]]), np.array([[3, 0, 4, 1]])))
        1.529
    """

    def __init__(
        self,
        bounding_box_format: str,
        eps: float = 1e-7,
        *,
        axis: int | str | None = "no_reduction",
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "ciou_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            bounding_box_format, axis, reduction=reduction, name=name, dtype=dtype
        )
        self.eps = as_number("eps", eps)

    def box_loss(self, y_true: Any, y_pred: Any) -> Any:
        return 1.0 - compute_ciou(y_true, y_pred, self.bounding_box_format)
