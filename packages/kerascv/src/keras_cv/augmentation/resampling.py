"""What each row or column of an output takes of those of its input.

Where a transform leaves rows rows and columns columns, it is two products with matrices
of weights, `(B, n, N)` for `n` pixels of the output along an axis and `N` of the input.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from domain_core.arrays.operations import Operations
from keras_cv.augmentation.transform import Transform, inverse

# Pixels of a size that divides another lie between two: all engines take the later.
BETWEEN = 1e-3

_SPAN = {  # how far filters reach, in pixels
    "bicubic": 2.0,
    "lanczos3": 3.0,
    "lanczos5": 5.0,
    "gaussian": 1.5,
    "mitchellcubic": 2.0,
}


def axis_weights(
    transform: Transform,
    axis: int,
    size: Any,
    length: Any,
    interpolation: str,
    ops: Operations,
) -> Any:
    """Returns the weights along an axis, float32 `(B, size, length)`.

    Nothing is looked at but what is read: it is for transforms that stay inside.

    Args:
        transform: an axis-aligned one.
        axis: 0 for the rows, that is for `y`, 1 for the columns.
        size: pixels of the output along it.
        length: pixels of the input along it.
        interpolation: one of the filters among `RESIZE_INTERPOLATIONS`.
        ops: functions of the arrays.
    """
    scale, centers = source_axis(transform, axis, size, ops)
    pixels = ops.arange(length, dtype="int32")[None, None]
    middles = ops.cast(pixels, "float32") + 0.5
    if interpolation == "area":
        half = ops.abs(scale)[:, None, None] / 2
        first, last = centers - half, centers + half
        weights = ops.minimum(last, middles + 0.5) - ops.maximum(first, middles - 0.5)
        weights = ops.maximum(weights, 0.0)
    else:
        distances = ops.abs(middles - centers)
        weights = ops.where(
            distances < _SPAN[interpolation],
            _FILTERS[interpolation](distances, ops),
            0.0,
        )
    if transform.window is not None:
        low, high = _window(transform, axis)
        weights = ops.where((middles > low) & (middles < high), weights, 0.0)
    return weights / ops.sum(weights, axis=2, keepdims=True)


def source_axis(transform: Transform, axis: int, size: Any, ops: Operations) -> Any:
    """Returns how pixels of the output lie in the input, along an axis.

    Returns:
        `(scale, centers)`: pixels of the input for each of the output, `(B,)`, and
        where its centre is, `(B, size, 1)`.
    """
    back = inverse(transform.matrix, ops)
    place = 1 - axis  # x comes first
    scale, shift = back[:, place, place], back[:, place, 2]
    steps = ops.cast(ops.arange(size, dtype="int32"), "float32")[None, :, None] + 0.5
    return scale, scale[:, None, None] * steps + shift[:, None, None]


def inner_indices(
    index: Any, transform: Transform, axis: int, length: Any, ops: Operations
) -> Any:
    """Returns the pixels that stand for those outside of what is read.

    Args:
        index: int32 `(B, n, 1)`, along an axis.
        transform: says what is read, and how it is filled.
        axis: see `axis_weights`.
        length: see `axis_weights`.
        ops: functions of the arrays.
    """
    if transform.window is None:
        return fill_indices(index, length, transform.fill_mode, ops)
    low, high = (ops.cast(side, "int32") for side in _window(transform, axis))
    return low + fill_indices(index - low, high - low, transform.fill_mode, ops)


def fill_indices(index: Any, length: Any, fill_mode: str, ops: Operations) -> Any:
    """Returns the pixels that stand for those outside `[0, length)`."""
    if fill_mode == "wrap":
        return ops.mod(index, length)
    if fill_mode == "reflect":
        index = ops.mod(index, 2 * length)
        return ops.minimum(index, 2 * length - 1 - index)
    return ops.minimum(ops.maximum(index, 0), length - 1)


def _window(transform: Transform, axis: int) -> tuple[Any, Any]:
    """Returns where the pixels that are read begin and end along an axis."""
    low, high = (transform.window[:, 1 - axis + side] for side in (0, 2))
    return low[:, None, None], high[:, None, None]


def _cubic(b: float, c: float) -> Callable[[Any, Any], Any]:
    """Returns a filter of Mitchell's and Netravali's family."""

    def function(x: Any, ops: Operations) -> Any:
        near = ((12 - 9 * b - 6 * c) * x - (18 - 12 * b - 6 * c)) * x * x + 6 - 2 * b
        far = (((-b - 6 * c) * x + 6 * b + 30 * c) * x - 12 * b - 48 * c) * x
        return ops.where(x < 1, near, far + 8 * b + 24 * c) / 6

    return function


def _lanczos(radius: float) -> Callable[[Any, Any], Any]:
    def function(x: Any, ops: Operations) -> Any:
        # Not at 0, where the quotient has no value but a limit.
        angle = math.pi * ops.maximum(x, 1e-4)
        return radius * ops.sin(angle) * ops.sin(angle / radius) / (angle * angle)

    return function


def _gaussian(x: Any, ops: Operations) -> Any:
    deviation = _SPAN["gaussian"] / 3
    return ops.exp(-x * x / (2 * deviation**2))


_FILTERS: dict[str, Callable[[Any, Any], Any]] = {
    "bicubic": _cubic(0.0, 0.5),
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
    "gaussian": _gaussian,
    "mitchellcubic": _cubic(1 / 3, 1 / 3),
}
