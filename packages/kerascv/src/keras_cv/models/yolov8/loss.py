"""What YOLOv8 learns from: boxes, distances to their sides, and classes.

Shapes: `B` images, `N` places, `C` classes.
"""

from __future__ import annotations

from collections.abc import Mapping
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

    Returns:
        Dict of float32 scalars: "box", the mean of 1 - CIoU; "distribution", of the
        distribution focal loss; "class", of the cross-entropies, summed over classes.

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
    apart = 1.0 - compute_ciou(target_boxes, boxes, "xyxy")
    spread = distribution_focal_loss(outputs["boxes"], target_boxes, anchors=anchors)
    # The binary cross-entropy: log(1 + exp(x)) - x y.
    entropies = ops.softplus(logits) - logits * scores
    return {
        "box": ops.sum(weights * apart) / total,
        "distribution": ops.sum(weights * spread) / total,
        "class": ops.sum(entropies) / total,
    }
