"""Boxes as what is to be done to an anchor to get them, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from domain_core.arguments import is_finite
from domain_core.arrays import operations
from domain_core.arrays.operations import Operations
from keras_cv.bounding_box.convert_format import convert_format
from keras_cv.bounding_box.formats import is_relative

# Sides of boxes are not smaller here, so that their logarithms are finite.
_SMALLEST = 1e-7
# A box is at most so much larger than its anchor: an exponential of what an untrained
# network says would soon be infinite.
_LARGEST = math.log(1000 / 16)


def encode_box_to_deltas(
    anchors: Any,
    boxes: Any,
    anchor_format: str,
    box_format: str,
    variance: Sequence[float] | None = None,
    image_shape: Any = None,
) -> Any:
    """Encodes boxes as shifts and logarithms of scales of their anchors.

    They are `(y - anchor y) / anchor height`, `(x - anchor x) / anchor width`,
    `log(height / anchor height)` and `log(width / anchor width)`, with x and y of the
    centers. Boxes and anchors without an area give finite numbers.

    Args:
        anchors: `(A, 4)`, or `(B, A, 4)`.
        boxes: `(A, 4)` or `(B, A, 4)`, one for each anchor.
        anchor_format: see `convert_format`.
        box_format: see `convert_format`.
        variance: four numbers that deltas are divided by, in their order; None for 1.
        image_shape: see `convert_format`; needed if one of the formats is relative, and
            the other is not.

    Returns:
        Float32 `(..., A, 4)`.

    Raises:
        ValueError: if a format is unknown, the size of the images is missing, or
            `variance` is none of four positive numbers.

    Reference:
        Ren et al., "Faster R-CNN", 2015, https://arxiv.org/abs/1506.01497.

    Example:
        >>> keras_cv.bounding_box.encode_box_to_deltas(
        ...     np.array([[0, 0, 4, 4]]), np.array([[1, 2, 5, 6]]), "xyxy", "xyxy"
        ... ).tolist()
        [[0.5, 0.25, 0.0, 0.0]]
    """
    center = _center_format(anchor_format, box_format, image_shape)
    ops = operations.of(anchors, boxes)
    anchors, boxes = (
        convert_format(x, format, center, image_shape=image_shape)
        for x, format in (
            (ops.convert_to_tensor(anchors), anchor_format),
            (ops.convert_to_tensor(boxes), box_format),
        )
    )
    sides = ops.maximum(anchors[..., 2:], _SMALLEST)
    shift = (boxes[..., :2] - anchors[..., :2]) / sides
    scale = ops.log(ops.maximum(boxes[..., 2:], _SMALLEST) / sides)
    return ops.concatenate([shift, scale], axis=-1) / _as_row(variance, ops)


def decode_deltas_to_boxes(
    anchors: Any,
    boxes_delta: Any,
    anchor_format: str,
    box_format: str,
    variance: Sequence[float] | None = None,
    image_shape: Any = None,
) -> Any:
    """Decodes what `encode_box_to_deltas` encoded.

    A box is at most 1000 / 16 times as high and wide as its anchor, so that an
    exponential of large numbers is finite.

    Args:
        anchors: `(A, 4)`, or `(B, A, 4)`; or a dict of such by level.
        boxes_delta: `(A, 4)` or `(B, A, 4)`; or a dict of such by level.
        anchor_format: see `convert_format`.
        box_format: of the boxes to return.
        variance: four numbers that deltas were divided by; None for 1.
        image_shape: see `convert_format`; needed if one of the formats is relative, and
            the other is not.

    Returns:
        Float32 `(..., A, 4)`, or a dict of such by level.

    Raises:
        ValueError: as in `encode_box_to_deltas`, or if levels differ.

    Example:
        >>> keras_cv.bounding_box.decode_deltas_to_boxes(
        ...     np.array([[0, 0, 4, 4]]), np.array([[0.5, 0.25, 0, 0]]), "xyxy", "xyxy"
        ... ).tolist()
        [[1.0, 2.0, 5.0, 6.0]]
    """
    if isinstance(anchors, Mapping) or isinstance(boxes_delta, Mapping):
        _check_levels(anchors, boxes_delta)
        return {
            level: decode_deltas_to_boxes(
                anchors[level],
                deltas,
                anchor_format,
                box_format,
                variance,
                image_shape,
            )
            for level, deltas in boxes_delta.items()
        }
    center = _center_format(anchor_format, box_format, image_shape)
    ops = operations.of(anchors, boxes_delta)
    anchors, deltas = (ops.convert_to_tensor(x) for x in (anchors, boxes_delta))
    anchors = convert_format(anchors, anchor_format, center, image_shape=image_shape)
    deltas = ops.cast(deltas, "float32") * _as_row(variance, ops)
    middle = deltas[..., :2] * anchors[..., 2:] + anchors[..., :2]
    sides = ops.exp(ops.minimum(deltas[..., 2:], _LARGEST)) * anchors[..., 2:]
    boxes = ops.concatenate([middle, sides], axis=-1)
    return convert_format(boxes, center, box_format, image_shape=image_shape)


def _center_format(anchor_format: str, box_format: str, image_shape: Any) -> str:
    """Returns the format to compute in: fractions only where all are, without a size.

    In pixels or in fractions of the image, deltas are the same.
    """
    are_relative = is_relative(anchor_format) and is_relative(box_format)
    return "rel_center_yxhw" if are_relative and image_shape is None else "center_yxhw"


def _as_row(variance: Any, ops: Operations) -> Any:
    numbers = [1.0] * 4 if variance is None else variance
    if len(numbers) != 4 or not all(is_finite(x) and x > 0 for x in numbers):
        raise ValueError(
            f"Expected `variance` to be four positive numbers, received {variance!r}."
        )
    return ops.convert_to_tensor([float(x) for x in numbers], "float32")


def _check_levels(anchors: Any, deltas: Any) -> None:
    levels = [
        list(x) if isinstance(x, Mapping) else "no dict" for x in (anchors, deltas)
    ]
    if set(levels[0]) != set(levels[1]):
        raise ValueError(
            "Expected anchors and deltas as dicts with the same levels, received "
            f"{levels[0]} and {levels[1]}."
        )
