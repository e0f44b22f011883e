"""Boxes as distributions of the distances from a point to their sides.

Shapes: `B` images, `N` places, 4 sides (left, top, right, bottom), 16 distances.
"""

from __future__ import annotations

from typing import Any

from keras import ops

# Distances of 0 to 15 strides.
BINS = 16
_SIDES = 4
# The last distance lies between two bins, too.
_MOST = BINS - 1 - 0.01


def decode_boxes(logits: Any, anchors: tuple[Any, Any]) -> Any:
    """Turns what `YOLOV8Head` gives into boxes.

    The distance to each side is the mean of its distribution, in strides.

    Args:
        logits: tensor `(B, N, 64)`, 16 for each side.
        anchors: points `(N, 2)` and strides `(N,)`, see `get_anchors`.

    Returns:
        Float32 tensor `(B, N, 4)` of boxes in format "xyxy", in pixels. They may reach
        out of the image.

    Example:
        >>> logits = np.zeros((1, 1, 64), "float32")  # 7.5 strides on each side
        >>> anchors = np.array([[100.0, 80.0]]), np.array([8.0])
        >>> boxes = keras_cv.models.yolov8.decode_boxes(logits, anchors)
        >>> np.asarray(boxes).tolist()
        [[[40.0, 20.0, 160.0, 140.0]]]
    """
    shares = ops.softmax(_by_side(logits), axis=-1)  # (B, N, 4, 16)
    distances = ops.matmul(shares, ops.arange(BINS, dtype="float32"))  # (B, N, 4)
    points, strides = _columns(anchors)
    distances = distances * strides
    first = points - distances[..., :2]
    return ops.concatenate([first, points + distances[..., 2:]], axis=-1)


def distribution_focal_loss(
    logits: Any, boxes: Any, *, anchors: tuple[Any, Any]
) -> Any:
    """Computes how far distributions of distances are from boxes.

    The cross-entropy with the two distances next to the true one, which share it by how
    near they are. True distances are kept in the range of the distribution.

    Args:
        logits: see `decode_boxes`.
        boxes: tensor `(B, N, 4)` in format "xyxy", in pixels.
        anchors: points `(N, 2)` and strides `(N,)`, see `get_anchors`.

    Returns:
        Float32 tensor `(B, N)`, the mean over the sides.

    Reference:
        Li et al., "Generalized Focal Loss", 2020, https://arxiv.org/abs/2006.04388.
    """
    points, strides = _columns(anchors)
    boxes = ops.cast(boxes, "float32")
    distances = ops.concatenate([points - boxes[..., :2], boxes[..., 2:] - points], -1)
    distances = ops.clip(distances / strides, 0.0, _MOST)  # (B, N, 4)
    bins = ops.arange(BINS, dtype="float32")
    shares = ops.relu(1.0 - ops.abs(distances[..., None] - bins))  # (B, N, 4, 16)
    losses = -ops.sum(shares * ops.log_softmax(_by_side(logits), axis=-1), axis=-1)
    return ops.mean(losses, axis=-1)


def _columns(anchors: tuple[Any, Any]) -> tuple[Any, Any]:
    """Returns points `(N, 2)` and strides `(N, 1)` as float32 tensors."""
    points, strides = (ops.cast(x, "float32") for x in anchors)
    return points, strides[:, None]


def _by_side(logits: Any) -> Any:
    """Returns float32 logits `(B, N, 4, 16)`."""
    shape = ops.shape(logits)[:-1]
    return ops.reshape(ops.cast(logits, "float32"), (*shape, _SIDES, BINS))
