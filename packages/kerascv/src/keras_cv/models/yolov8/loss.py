"""What YOLOv8 learns from: boxes, distances to their sides, and classes.

Shapes: `B` images, `N` places, `C` classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keras import ops

from keras_cv.bounding_box.compute_ciou import compute_ciou
from keras_cv.models.yolov8.distribution import decode_boxes, distribution_focal_loss

# Weights of the terms in the sum that is minimized.
BOX_WEIGHT, CLASS_WEIGHT, DISTRIBUTION_WEIGHT = 7.5, 0.5, 1.5


def yolov8_losses(
    outputs: Mapping[str, Any],
    anchors: tuple[Any, Any],
    *,
    target_boxes: Any,
    target_scores: Any,
    foreground: Any,
    box_loss: Callable[[Any, Any], Any] | None = None,
    classification_loss: Callable[[Any, Any], Any] | None = None,
    image_weights: Any = None,
) -> dict[str, Any]:
    """Computes the terms of YOLOv8's loss, without their weights.

    Each is a sum over all places, divided by the sum of all target scores (or by 1, if
    that is less). Boxes count at places of the foreground only, by their target scores.
    Where there is no foreground the terms of boxes are 0.

    Args:
        outputs: of `YOLOV8Head`: "boxes" `(B, N, 64)`, "classes" `(B, N, C)`, logits.
        anchors: points `(N, 2)` and strides `(N,)`, see `get_anchors`.
        target_boxes: `(B, N, 4)` in format "xyxy", in pixels; of any value outside the
            foreground.
        target_scores: `(B, N, C)`, in [0, 1]; 0 outside the foreground.
        foreground: bool `(B, N)`, which places have a target.
        box_loss: from true and predicted boxes to `(B, N)`; None for 1 - CIoU.
        classification_loss: from target scores and logits to `(B, N)`; None for the
            binary cross-entropies, summed over the classes.
        image_weights: `(B,)`; None to count all images alike.

    Returns:
        Dict of float32 scalars: "box_loss", "distribution_loss", of the distribution
        focal loss, and "classification_loss".

    Reference:
        Zheng et al., "Distance-IoU Loss", 2019, https://arxiv.org/abs/1911.08287; Li et
        al., "Generalized Focal Loss", 2020, https://arxiv.org/abs/2006.04388.
    """
    foreground = ops.cast(foreground, "bool")
    scores = ops.cast(target_scores, "float32")
    logits = ops.cast(outputs["classes"], "float32")
    boxes = decode_boxes(outputs["boxes"], anchors)
    # Elsewhere both boxes are the same: a loss that is multiplied by 0 can still have
    # a NaN for gradient.
    points = ops.cast(anchors[0], "float32")
    anywhere = ops.concatenate([points - 1.0, points + 1.0], axis=-1)
    is_box = foreground[..., None]
    boxes = ops.where(is_box, boxes, anywhere)
    target_boxes = ops.cast(target_boxes, "float32")
    target_boxes = ops.where(is_box, target_boxes, anywhere)

    total = ops.maximum(ops.sum(scores), 1.0)
    weights = ops.where(foreground, ops.sum(scores, axis=-1), 0.0)  # (B, N)
    if box_loss is None:
        apart = 1.0 - compute_ciou(target_boxes, boxes, "xyxy")
    else:
        apart = box_loss(target_boxes, boxes)
    spread = distribution_focal_loss(outputs["boxes"], target_boxes, anchors=anchors)
    if classification_loss is None:
        # The binary cross-entropy: log(1 + exp(x)) - x y.
        entropies = ops.sum(ops.softplus(logits) - logits * scores, axis=-1)
    else:
        entropies = classification_loss(scores, logits)
    if image_weights is not None:
        of_images = ops.cast(image_weights, "float32")[:, None]
        weights, entropies = weights * of_images, entropies * of_images
    return {
        "box_loss": ops.sum(weights * apart) / total,
        "distribution_loss": ops.sum(weights * spread) / total,
        "classification_loss": ops.sum(entropies) / total,
    }
