"""Where the predictions of YOLOv8 stand in an image."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

STRIDES = (8, 16, 32)


def get_anchors(
    image_shape: Sequence[Any],
    strides: Sequence[int] = STRIDES,
    base_anchors: Sequence[float] = (0.5, 0.5),
) -> tuple[Any, Any]:
    """Returns the place of each prediction, level by level and row by row.

    Args:
        image_shape: height and width of the images in pixels; what follows is ignored.
            Each may be an int or a scalar tensor.
        strides: of the levels, in pixels. A level has a place for each `strides` pixels
            that have begun.
        base_anchors: where in its square a place is, from left and from the top, as a
            fraction.

    Returns:
        Points `(N, 2)`, x and y in pixels, and the stride of each, `(N,)`, in float32:
        NumPy arrays for sizes that are ints, else tensors.

    Example:
        >>> points, strides = keras_cv.models.yolov8.get_anchors((64, 32))
        >>> points[-2:].tolist(), strides[-2:].tolist()
        ([[16.0, 16.0], [16.0, 48.0]], [32.0, 32.0])
    """
    sizes = image_shape[:2]
    known = all(isinstance(size, numbers.Integral) for size in sizes)
    ops: Any = np if known else keras.ops
    points, own = [], []
    for stride in strides:
        height, width = (-(-size // stride) for size in sizes)
        x = (ops.arange(width, dtype="float32") + base_anchors[0]) * stride
        y = (ops.arange(height, dtype="float32") + base_anchors[1]) * stride
        grid = ops.stack(ops.meshgrid(x, y), axis=-1)  # (height, width, 2)
        points.append(ops.reshape(grid, (-1, 2)))
        own.append(ops.full_like(points[-1][:, 0], stride))
    return ops.concatenate(points), ops.concatenate(own)
