"""Decodes what a detector predicts for each anchor, class by class."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.arrays.operations import KERAS as ops
from domain_core.serialization import serializable
from keras_cv.bounding_box import non_max_suppression
from keras_cv.layers.non_max_suppression import NonMaxSuppression, check_predictions


@serializable("kerascv")
class MultiClassNonMaxSuppression(NonMaxSuppression):
    """Keeps of boxes around the same thing the best one, in each class by itself.

    A box is a candidate in each class and may be found several times. What all classes
    find is put in order of the scores. Boxes are not clipped. See `NonMaxSuppression`
    for what the two have in common.

    Args:
        bounding_box_format: of the boxes, see `keras_cv.bounding_box.convert_format`.
        from_logits: whether class predictions are logits, of which the sigmoid is the
            score, or probabilities.
        iou_threshold: boxes are dropped if their intersection over union with a better
            one of the same class is larger, in [0, 1].
        confidence_threshold: boxes with a score up to that are dropped, in [0, 1].
        max_detections: how many boxes to return for each image, `D`.
        max_detections_per_class: how many of them may be of one class.
        soft_sigma: see `keras_cv.bounding_box.non_max_suppression`.
        max_candidates: how many pairs of a box and a class, those with the highest
            scores, take part: there are millions of them. With fewer left than
            `max_detections`, pairs with lower scores are missing in the result. None
            for all.

    Call arguments:
        box_prediction: `(B, A, 4)`.
        class_prediction: `(B, A, C)`.
        images: not used.
        image_shape: not used.

    Returns:
        Dict with "idx" int32 `(B, D)`, the places among the anchors; "boxes"
        `(B, D, 4)`; "confidence" float32 `(B, D)`; "classes" int32 `(B, D)`; and
        "num_detections" int32 `(B,)`. Rows behind the last detection hold -1.

    Raises:
        ValueError: if an argument is out of range, or shapes do not fit.

    Example:
        >>> layer = keras_cv.layers.MultiClassNonMaxSuppression(
        ...     "xyxy", from_logits=False, max_detections=4)
        >>> boxes = np.array([[[0, 0, 4, 4], [0, 0, 4, 3], [5, 5, 9, 9]]], "float32")
        >>> scores = np.array([[[0.1, 0.6], [0.8, 0.7], [0.2, 0.3]]], "float32")
        >>> keras.ops.convert_to_numpy(layer(boxes, scores)["classes"]).tolist()
        [[0, 1, -1, -1]]
    """

    def __init__(
        self,
        bounding_box_format: str,
        from_logits: bool,
        iou_threshold: float = 0.5,
        confidence_threshold: float = 0.5,
        max_detections: int = 100,
        max_detections_per_class: int = 100,
        *,
        soft_sigma: float | None = None,
        max_candidates: int | None = 8192,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            bounding_box_format,
            from_logits,
            iou_threshold,
            confidence_threshold,
            max_detections,
            class_aware=True,
            soft_sigma=soft_sigma,
            max_candidates=max_candidates,
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        self.max_detections_per_class = as_positive_int(
            "max_detections_per_class", max_detections_per_class
        )

    def call(
        self,
        box_prediction: Any,
        class_prediction: Any,
        images: Any = None,
        image_shape: Any = None,
    ) -> dict[str, Any]:
        check_predictions(box_prediction, class_prediction)
        scores = ops.cast(class_prediction, "float32")
        return non_max_suppression(
            box_prediction,
            ops.sigmoid(scores) if self.from_logits else scores,
            bounding_box_format=self.bounding_box_format,
            iou_threshold=self.iou_threshold,
            confidence_threshold=self.confidence_threshold,
            max_detections=self.max_detections,
            max_detections_per_class=self.max_detections_per_class,
            soft_sigma=self.soft_sigma,
            max_candidates=self.max_candidates,
        )
