"""What measures of the overlap of boxes are made of.

Boxes without an area, turned inside out or in one point give numbers here, and finite
gradients: a quotient without a denominator is 0.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from domain_core.arrays import operations
from domain_core.arrays.operations import Operations
from keras_cv.bounding_box import rows
from keras_cv.bounding_box.convert_format import scale_of
from keras_cv.bounding_box.formats import Corners, parse, to_corners

# The square of the smallest denominator is still far from underflow in float32.
_TINY = 1e-14
# Sides of boxes beyond all images, whose area might be infinite in float32.
_LARGE, _FURTHEST = 1e9, 5e37


def read_pair(
    boxes1: Any, boxes2: Any, format_name: str, image_shape: Any = None
) -> tuple[Corners, Corners, Any]:
    """Returns the corners `(...)` of two sets of boxes, and the functions for them.

    Args:
        boxes1: `(..., 4)`.
        boxes2: `(..., 4)`.
        format_name: of both.
        image_shape: to turn relative numbers into pixels; None leaves them relative.

    Raises:
        ValueError: if the last axis isn't 4 or there is no such format.
    """
    format = parse(format_name)
    pair = [rows.read(boxes)[0] for boxes in (boxes1, boxes2)]
    scales = [scale_of(boxes, None, image_shape)[0] for boxes in pair]
    ops = operations.of(*pair, *(scale for scale in scales if scale is not None))
    pair = [operations.as_float(boxes, ops) for boxes in pair]
    if pair[0].dtype != pair[1].dtype:
        pair = [ops.cast(boxes, "float32") for boxes in pair]
    first, second = (
        _within_limits(to_corners(boxes, format, scale), ops)
        for boxes, scale in zip(pair, scales, strict=True)
    )
    return first, second, ops


def _within_limits(corners: Corners, ops: Operations) -> Corners:
    """Returns corners of which no sum is infinite."""
    left, top, right, bottom = (
        ops.minimum(ops.maximum(corner, -_FURTHEST), _FURTHEST) for corner in corners
    )
    return left, top, right, bottom


def sides(box: Corners, ops: Operations) -> tuple[Any, Any]:
    """Returns width and height, 0 where a box is inside out."""
    left, top, right, bottom = box
    return ops.maximum(right - left, 0.0), ops.maximum(bottom - top, 0.0)


def units(box: Corners, ops: Operations) -> tuple[Any, Any]:
    """Returns what to multiply widths and heights by, so that no area is infinite.

    That is 1 but for boxes beyond all images; a quotient of areas does not change.
    """
    width, height = (
        ops.stop_gradient(
            ops.where(side > _LARGE, 1.0 / ops.maximum(side, 1.0), ops.ones_like(side))
        )
        for side in sides(box, ops)
    )
    return width, height


def area(box: Corners, unit: tuple[Any, Any], ops: Operations) -> Any:
    """Returns the area in some units, 0 where a box is inside out."""
    width, height = sides(box, ops)
    # What is infinite in these units is so beside boxes that are not.
    with np.errstate(over="ignore"):
        return (width * unit[0]) * (height * unit[1])


def intersection_and_union(
    first: Corners, second: Corners, unit: tuple[Any, Any], ops: Operations
) -> tuple[Any, Any]:
    """Returns the areas that belong to both of two boxes, and to any, in some units."""
    inner = (
        ops.maximum(first[0], second[0]),
        ops.maximum(first[1], second[1]),
        ops.minimum(first[2], second[2]),
        ops.minimum(first[3], second[3]),
    )
    intersection = area(inner, unit, ops)
    either = area(first, unit, ops) + area(second, unit, ops)
    return intersection, either - intersection


def hull(first: Corners, second: Corners, ops: Operations) -> Corners:
    """Returns the smallest box around two, which may be inside out."""

    def furthest(function: Any, axis: int) -> Any:
        ends = [function(box[axis], box[axis + 2]) for box in (first, second)]
        return function(*ends)

    return (
        furthest(ops.minimum, 0),
        furthest(ops.minimum, 1),
        furthest(ops.maximum, 0),
        furthest(ops.maximum, 1),
    )


def divide(numerator: Any, denominator: Any, ops: Operations) -> Any:
    """Divides, and returns 0 where there is nothing to divide by."""
    # By infinity, so that there is a gradient too, 0.
    return numerator / ops.where(denominator > _TINY, denominator, math.inf)
