"""Transforms that make an output of a given size from a part of each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.arrays.operations import Operations
from keras_cv.augmentation.transform import Transform, as_matrix

# The share with which `place` puts a part in the middle; half a pixel up or left.
MIDDLE = 0.5 - 1e-5


def stretched(
    window: Any,
    size: tuple[int, int],
    ops: Operations,
    *,
    interpolation: str = "bilinear",
    **attributes: Any,
) -> Transform:
    """Resizes a window of each image to the size of the output.

    Args:
        window: float32 `(B, 4)` of whole numbers, left, top, right, bottom in pixels.
        size: height and width of the output.
        ops: functions of the arrays.
        interpolation: see `Transform`.
        **attributes: more of a `Transform`.
    """
    left, top, right, bottom = (window[:, side] for side in range(4))
    x, y = size[1] / (right - left), size[0] / (bottom - top)
    rows = [[x, 0.0, -left * x], [0.0, y, -top * y], [0.0, 0.0, 1.0]]
    return Transform(
        as_matrix(rows, ops),
        size=size,
        window=window,
        fill_mode="nearest",
        interpolation=interpolation,
        is_axis_aligned=True,
        stays_inside=True,
        is_stretch=True,
        **attributes,
    )


def cropped(
    corner: Any, window: Any, size: tuple[int, int], ops: Operations
) -> Transform:
    """Crops to the size of the output; a window of smaller images is resized.

    Args:
        corner: float32 `(B, 2)` of whole numbers, top and left of the crop in pixels;
            one is negative of images that are smaller in its direction.
        window: float32 `(B, 4)`, what is resized of images that are smaller in either
            direction; see `stretched`.
        size: height and width of the output.
        ops: functions of the arrays.
    """
    height, width = size
    top, left = corner[:, 0], corner[:, 1]
    crop = ops.stack([left, top, left + width, top + height], axis=1)
    is_smaller = (top < 0) | (left < 0)
    window = ops.where(is_smaller[:, None], window, crop)
    return stretched(window, size, ops, is_exact=True)


def whole(sizes: Any, ops: Operations) -> Any:
    """Returns the windows that are all of each image, `(B, 4)`."""
    zero = sizes[:, 0] * 0.0
    return ops.stack([zero, zero, sizes[:, 1], sizes[:, 0]], axis=1)


def center(sizes: Any, size: tuple[int, int], ops: Operations) -> Any:
    """Returns the largest windows `(B, 4)` in the middle with a size's aspect ratio."""
    height, width = size
    high = ops.minimum(sizes[:, 0], floored(sizes[:, 1] * height / width, ops))
    wide = ops.minimum(sizes[:, 1], floored(sizes[:, 0] * width / height, ops))
    high, wide = ops.maximum(high, 1.0), ops.maximum(wide, 1.0)
    top = ops.floor((sizes[:, 0] - high) / 2)
    left = ops.floor((sizes[:, 1] - wide) / 2)
    return ops.stack([left, top, left + wide, top + high], axis=1)


def place(share: Any, length: Any, part: Any, ops: Operations) -> Any:
    """Returns where a part begins in a length, whole numbers `(B,)`.

    Args:
        share: float32 `(B,)` in [0, 1), equally likely.
        length: `(B,)` in pixels.
        part: `(B,)` or a number; the result is negative where it is longer.
        ops: functions of the arrays.
    """
    room = length - part
    return ops.where(room < 0, room, ops.minimum(ops.floor(share * (room + 1)), room))


def floored(lengths: Any, ops: Operations) -> Any:
    """Rounds down, but for what the division before left over."""
    return ops.floor(lengths + 1e-3)


def fitting(sizes: Any, size: tuple[int, int], scale: Any, ops: Operations) -> Any:
    """Returns the sizes, whole numbers, that just fit a size times a scale undistorted.

    Args:
        sizes: float32 `(B, 2)`, heights and widths of the images.
        size: height and width to fit into.
        scale: factor of the size, `(B,)` or a number.
        ops: functions of the arrays.
    """
    factor = ops.minimum(size[0] / sizes[:, 0], size[1] / sizes[:, 1]) * scale
    # Half a pixel more or less is decided alike by all engines.
    return ops.maximum(ops.floor(sizes * factor[:, None] + (0.5 + 1e-3)), 1.0)


def as_pair(name: str, value: Any) -> tuple[int, int]:
    """Returns a height and a width.

    Raises:
        ValueError: if it is no pair of positive integers.
    """
    if not isinstance(value, Sequence) or len(value) != 2:
        raise ValueError(
            f"Expected `{name}` to be a pair (height, width), received {value!r:.200}."
        )
    height, width = (as_positive_int(name, length) for length in value)
    return height, width
