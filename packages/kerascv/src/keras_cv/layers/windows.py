"""Cutting feature maps into square windows, and joining these again."""

from __future__ import annotations

from typing import Any

from keras import ops


def split_windows(x: Any, size: int, filling: Any = None) -> Any:
    """Cuts maps into windows side by side.

    Args:
        x: tensor `(B, H, W, D)`.
        size: height and width of a window, `s`. Where it does not divide the map, the
            map is filled up at its bottom and its right.
        filling: vector `(D,)` to fill up with; None for zeros.

    Returns:
        Tensor `(B * N, s, s, D)` of `N` windows per map, row by row.
    """
    width = x.shape[-1]
    if filling is None:
        filling = ops.zeros((width,), x.dtype)
    x = _fill_up(x, 1, size, filling)
    x = _fill_up(x, 2, size, filling)
    batch, rows, columns, _ = ops.shape(x)
    x = ops.reshape(x, (batch, rows // size, size, columns // size, size, width))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (B, H / s, W / s, s, s, D)
    return ops.reshape(x, (-1, size, size, width))


def join_windows(windows: Any, height: Any, width: Any) -> Any:
    """Joins windows to maps; the inverse of `split_windows`.

    Args:
        windows: tensor `(B * N, s, s, D)`.
        height: of the maps, `H`; what they were filled up with is cut off.
        width: of the maps, `W`.

    Returns:
        Tensor `(B, H, W, D)`.
    """
    size, depth = windows.shape[1], windows.shape[-1]
    rows, columns = -(-height // size), -(-width // size)
    x = ops.reshape(windows, (-1, rows, columns, size, size, depth))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))  # (B, H / s, s, W / s, s, D)
    x = ops.reshape(x, (-1, rows * size, columns * size, depth))
    return x[:, :height, :width]


def _fill_up(x: Any, axis: int, size: int, filling: Any) -> Any:
    shape = list(ops.shape(x))
    shape[axis] = -shape[axis] % size
    if isinstance(shape[axis], int) and shape[axis] == 0:
        return x
    return ops.concatenate([x, ops.broadcast_to(filling, shape)], axis=axis)
