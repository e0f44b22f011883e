"""Decodes what a detector predicts for each anchor into a few boxes."""

from __future__ import annotations

import math
from typing import Any

import keras

from domain_core.arguments import as_fraction, as_positive_int
from domain_core.arrays.operations import KERAS as ops
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.bounding_box import non_max_suppression
from keras_cv.bounding_box.formats import parse
from keras_cv.bounding_box.non_max_suppression import as_limit, as_sigma


@serializable("kerascv")
class NonMaxSuppression(RemembersArguments, keras.layers.Layer):
    """Keeps of boxes around the same thing the one with the highest score.

    A box has one class, that with the highest score. Boxes suppress each other whatever
    their classes, unless `class_aware`. The layer has static shapes and compiles on all
    backends; thresholds may be set on the layer, and count from the next call on or,
    in a compiled program, from when it is compiled anew. NaN scores count as 0.

    Args:
        bounding_box_format: of the boxes, see `keras_cv.bounding_box.convert_format`.
        from_logits: whether class predictions are logits, of which the sigmoid is the
            score, or probabilities.
        iou_threshold: boxes are dropped if their intersection over union with a better
            one is larger, in [0, 1].
        confidence_threshold: boxes with a score up to that are dropped, in [0, 1].
        max_detections: how many boxes to return for each image, `D`.
        class_aware: whether only boxes of one class suppress each other.
        soft_sigma: see `keras_cv.bounding_box.non_max_suppression`.
        max_candidates: how many boxes, those with the highest scores, take part; None
            for all. See `keras_cv.bounding_box.non_max_suppression`.

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

    Reference:
        Bodla et al., "Soft-NMS", 2017, https://arxiv.org/abs/1704.04503.

    Example:
        >>> layer = keras_cv.layers.NonMaxSuppression("xyxy", from_logits=False)
        >>> boxes = np.array([[[0, 0, 4, 4], [0, 0, 4, 3], [5, 5, 9, 9]]], "float32")
        >>> scores = np.array([[[0.1, 0.6], [0.8, 0.1], [0.2, 0.3]]], "float32")
        >>> found = layer(boxes, scores)
        >>> int(found["num_detections"][0]), int(found["classes"][0, 0])
        (1, 0)
    """

    def __init__(
        self,
        bounding_box_format: str,
        from_logits: bool,
        iou_threshold: float = 0.5,
        confidence_threshold: float = 0.5,
        max_detections: int = 100,
        *,
        class_aware: bool = False,
        soft_sigma: float | None = None,
        max_candidates: int | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        # Boxes in pixels are no numbers for half precision.
        super().__init__(name=name, trainable=trainable, dtype=dtype, autocast=False)
        # No weights. Keras would trace a model around it on every batch until then.
        self.built = True
        parse(bounding_box_format)
        self.bounding_box_format = bounding_box_format
        self.from_logits = from_logits
        self.iou_threshold = as_fraction("iou_threshold", iou_threshold)
        self.confidence_threshold = as_fraction(
            "confidence_threshold", confidence_threshold
        )
        self.max_detections = as_positive_int("max_detections", max_detections)
        self.class_aware = class_aware
        self.soft_sigma = as_sigma(soft_sigma)
        self.max_candidates = as_limit("max_candidates", max_candidates)

    def call(
        self,
        box_prediction: Any,
        class_prediction: Any,
        images: Any = None,
        image_shape: Any = None,
    ) -> dict[str, Any]:
        check_predictions(box_prediction, class_prediction)
        nothing = -math.inf if self.from_logits else 0.0
        predictions = ops.where(ops.isnan(class_prediction), nothing, class_prediction)
        scores = ops.cast(ops.max(predictions, axis=-1), "float32")  # (B, A)
        outputs = non_max_suppression(
            box_prediction,
            ops.sigmoid(scores) if self.from_logits else scores,
            classes=ops.argmax(predictions, axis=-1) if self.class_aware else None,
            bounding_box_format=self.bounding_box_format,
            iou_threshold=self.iou_threshold,
            confidence_threshold=self.confidence_threshold,
            max_detections=self.max_detections,
            soft_sigma=self.soft_sigma,
            max_candidates=self.max_candidates,
        )
        if not self.class_aware:
            # Of those found alone: an `argmax` of all takes as long as all the rest.
            places = outputs["idx"]
            rows = ops.maximum(places, 0)[..., None]
            rows = ops.take_along_axis(predictions, rows, axis=1)  # (B, D, C)
            classes = ops.cast(ops.argmax(rows, axis=-1), "int32")
            outputs["classes"] = ops.where(places >= 0, classes, -1)
        return outputs

    def compute_output_spec(
        self,
        box_prediction: Any,
        class_prediction: Any,
        images: Any = None,
        image_shape: Any = None,
    ) -> dict[str, Any]:
        check_predictions(box_prediction, class_prediction)
        batch, dtype = box_prediction.shape[0], box_prediction.dtype
        shape = (batch, self.max_detections)
        is_double = keras.backend.standardize_dtype(dtype) == "float64"
        return {
            "idx": keras.KerasTensor(shape, "int32"),
            "boxes": keras.KerasTensor(
                (*shape, 4), "float64" if is_double else "float32"
            ),
            "confidence": keras.KerasTensor(shape, "float32"),
            "classes": keras.KerasTensor(shape, "int32"),
            "num_detections": keras.KerasTensor((batch,), "int32"),
        }


def check_predictions(box_prediction: Any, class_prediction: Any) -> None:
    """Raises ValueError unless there are boxes and classes of the same anchors."""
    boxes, classes = tuple(box_prediction.shape), tuple(class_prediction.shape)
    if len(boxes) != 3 or boxes[-1] != 4 or len(classes) != 3:
        raise ValueError(
            "Expected box predictions `(B, A, 4)` and class predictions `(B, A, C)`, "
            f"received the shapes {boxes} and {classes}. A single image is a batch of "
            "one."
        )
