"""How well boxes fit one by one, also where they do not overlap."""

from __future__ import annotations

import math
from typing import Any

from domain_core.arrays.operations import Operations
from keras_cv.bounding_box.formats import Corners
from keras_cv.bounding_box.overlap import (
    area,
    divide,
    hull,
    intersection_and_union,
    read_pair,
    sides,
    units,
)

# Below it a box has no shape.
_FLAT = 1e-7


def compute_giou(boxes1: Any, boxes2: Any, bounding_box_format: str) -> Any:
    """Computes generalized intersection over union of boxes one by one.

    The IoU minus the share of the smallest box around both that neither covers.

    Args:
        boxes1: `(..., 4)`.
        boxes2: `(..., 4)` that broadcasts to it.
        bounding_box_format: of both, see `convert_format`.

    Returns:
        Float32 (float64 for two of float64) `(...)`, in (-1, 1].

    Raises:
        ValueError: if the last axis isn't 4 or there is no such format.

    Reference:
        Rezatofighi et al., "Generalized Intersection over Union", 2019,
        https://arxiv.org/abs/1902.09630.
    """
    first, second, ops = read_pair(boxes1, boxes2, bounding_box_format)
    both = hull(first, second, ops)
    unit = units(both, ops)
    intersection, union = intersection_and_union(first, second, unit, ops)
    around = area(both, unit, ops)
    iou = divide(intersection, union, ops)
    return iou - divide(around - union, around, ops)


def compute_diou(
    boxes1: Any, boxes2: Any, bounding_box_format: str, *, image_shape: Any = None
) -> Any:
    """Computes distance intersection over union of boxes one by one.

    The IoU minus the squared distance of the centers, in units of the diagonal of the
    smallest box around both.

    Args:
        boxes1: `(..., 4)`.
        boxes2: `(..., 4)` that broadcasts to it.
        bounding_box_format: of both, see `convert_format`.
        image_shape: see `convert_format`; turns relative boxes into pixels, where
            distances are true. Without it they are those of a square image.

    Returns:
        Float32 (float64 for two of float64) `(...)`, in (-1, 1].

    Raises:
        ValueError: if shapes do not fit or there is no such format.

    Reference:
        Zheng et al., "Distance-IoU Loss", 2019, https://arxiv.org/abs/1911.08287.
    """
    first, second, ops = read_pair(boxes1, boxes2, bounding_box_format, image_shape)
    return _diou(first, second, ops)[1]


def compute_ciou(
    boxes1: Any, boxes2: Any, bounding_box_format: str, *, image_shape: Any = None
) -> Any:
    """Computes complete intersection over union of boxes one by one.

    The distance IoU minus a penalty for another aspect ratio. The weight of that
    penalty is a constant for gradients, as in the authors' code.

    Args:
        boxes1: see `compute_diou`.
        boxes2: see `compute_diou`.
        bounding_box_format: see `compute_diou`.
        image_shape: see `compute_diou`.

    Returns:
        Float32 (float64 for two of float64) `(...)`, in (-2, 1].

    Raises:
        ValueError: if shapes do not fit or there is no such format.

    Reference:
        Zheng et al., "Distance-IoU Loss", 2019, https://arxiv.org/abs/1911.08287.

    Example:
        >>> boxes = np.array([[0, 0, 4, 2], [0, 0, 2, 4]])
        >>> keras_cv.bounding_box.compute_ciou(boxes, boxes, "xyxy").tolist()
        [1.0, 1.0]
    """
    first, second, ops = read_pair(boxes1, boxes2, bounding_box_format, image_shape)
    angles = diagonal_angle(first, ops), diagonal_angle(second, ops)
    return ciou_of(first, second, angles, ops)


def ciou_of(
    first: Corners, second: Corners, angles: tuple[Any, Any], ops: Operations
) -> Any:
    """Computes complete intersection over union; see `compute_ciou`.

    Args:
        first: corners of boxes.
        second: corners of boxes that broadcast to them.
        angles: `diagonal_angle` of both, which take as long as all the rest where there
            are many pairs of few boxes.
        ops: functions of the arrays.
    """
    iou, diou = _diou(first, second, ops)
    difference = angles[1] - angles[0]
    penalty = difference * difference * (4 / math.pi**2)
    weight = ops.stop_gradient(divide(penalty, 1.0 - iou + penalty, ops))
    return diou - weight * penalty


def _diou(first: Corners, second: Corners, ops: Operations) -> tuple[Any, Any]:
    """Returns IoU and distance IoU."""
    both = hull(first, second, ops)
    unit = units(both, ops)
    iou = divide(*intersection_and_union(first, second, unit, ops), ops)
    # Lengths along both axes are compared: in the larger unit of the two.
    shorter = ops.minimum(*unit)
    distance, diagonal = (
        (x * shorter) ** 2 + (y * shorter) ** 2
        for x, y in (
            (
                (first[0] + first[2] - second[0] - second[2]) / 2,
                (first[1] + first[3] - second[1] - second[3]) / 2,
            ),
            sides(both, ops),
        )
    )
    return iou, iou - divide(distance, diagonal, ops)


def diagonal_angle(box: Corners, ops: Operations) -> Any:
    """Returns arctan(width / height), and 0 for a point."""
    width, height = sides(box, ops)
    is_some = ops.maximum(width, height) > _FLAT
    # The gradient of arctan2 has no value at (0, 0).
    width = ops.where(is_some, width, 0.0)
    return ops.arctan2(width, ops.where(is_some, height, 1.0))
