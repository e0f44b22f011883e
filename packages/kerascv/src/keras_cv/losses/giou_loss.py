"""One minus the generalized overlap of boxes."""

from __future__ import annotations

from typing import Any

from domain_core.serialization import serializable
from keras_cv.bounding_box.compute_ciou import compute_giou
from keras_cv.losses.base import BoxLoss


@serializable("kerascv")
class GIoULoss(BoxLoss):
    """`1 - GIoU` of boxes, one by one; see `keras_cv.bounding_box.compute_giou`.

    Args:
        bounding_box_format: see `keras_cv.bounding_box.convert_format`.
        axis: see `IoULoss`.
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
        Rezatofighi et al., "Generalized Intersection over Union", 2019,
        https://arxiv.org/abs/1902.09630.

    Example:
        >>> loss = keras_cv.losses.GIoULoss("xyxy")
        >>> float(loss(np.array([[0, 0, 1, 1]]), np.array([[3, 0, 4, 1]])))
        1.5
    """

    def __init__(
        self,
        bounding_box_format: str,
        axis: int | str | None = -1,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "giou_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(
            bounding_box_format, axis, reduction=reduction, name=name, dtype=dtype
        )

    def box_loss(self, y_true: Any, y_pred: Any) -> Any:
        return 1.0 - compute_giou(y_true, y_pred, self.bounding_box_format)
