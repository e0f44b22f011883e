"""Learned positions for maps of another size than that they were learned on.

Both functions give what `torch.nn.functional.interpolate` gives with
`align_corners=False`, on all backends. A size that is known to be that of the table
costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import ops

# Of the cubic kernel; torch and OpenCV have this one, TensorFlow and JAX have -0.5.
_CUBIC = -0.75


def resize_line(table: Any, size: Any) -> Any:
    """Resizes positions along one axis, by linear interpolation.

    Args:
        table: tensor `(S, D)`.
        size: number of positions wanted, `T`; an int or an int tensor.

    Returns:
        Tensor `(T, D)`.
    """
    if _is_equal(table.shape[0], size):
        return table
    weights = _weights(table.shape[0], size, (0, 1), _linear)
    line = ops.matmul(weights, ops.cast(table, weights.dtype))
    return ops.cast(line, table.dtype)


def resize_grid(table: Any, height: Any, width: Any) -> Any:
    """Resizes positions along two axes, by bicubic interpolation.

    Args:
        table: tensor `(R, C, D)`.
        height: number of rows wanted, `H`; an int or an int tensor.
        width: number of columns wanted, `W`.

    Returns:
        Tensor `(H, W, D)`.
    """
    rows, columns = table.shape[:2]
    if _is_equal(rows, height) and _is_equal(columns, width):
        return table
    vertical = _weights(rows, height, (-1, 0, 1, 2), _cubic)
    horizontal = _weights(columns, width, (-1, 0, 1, 2), _cubic)
    values = ops.cast(table, vertical.dtype)
    grid = ops.einsum("hr,wc,rcd->hwd", vertical, horizontal, values)
    return ops.cast(grid, table.dtype)


def _is_equal(known: int, size: Any) -> bool:
    return isinstance(size, int) and size == known


def _weights(
    size: int, new_size: Any, taps: tuple[int, ...], kernel: Callable[[Any], Any]
) -> Any:
    """Returns what each new position takes of each old one, float32 `(T, S)`."""
    steps = ops.arange(new_size, dtype="float32") + 0.5
    places = steps * (size / ops.cast(new_size, "float32")) - 0.5
    before = ops.floor(places)
    weights = 0.0
    for tap in taps:
        old = ops.cast(ops.clip(before + tap, 0, size - 1), "int32")
        share = kernel(ops.absolute(places - before - tap))
        weights = weights + share[:, None] * ops.one_hot(old, size, dtype="float32")
    return weights


def _linear(distance: Any) -> Any:
    return 1.0 - distance


def _cubic(distance: Any) -> Any:
    x, a = distance, _CUBIC
    near = ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    far = ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    return ops.where(x <= 1.0, near, far)
