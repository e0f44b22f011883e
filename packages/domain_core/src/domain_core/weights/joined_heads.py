"""Projections that others keep with an axis of heads, as the kernels that ours are."""

from __future__ import annotations

import numpy as np

from domain_core.weights.weight_map import Transform


def joined_heads(axis: int, heads: int) -> Transform:
    """Returns what joins the axis of heads `H` with the next one, of their width `h`.

    Args:
        axis: that of the heads.
        heads: number of them.
    """

    def forward(array: np.ndarray) -> np.ndarray:
        if array.ndim < axis + 2 or array.shape[axis] != heads:
            return array  # to be reported with its shape
        size = array.shape[axis] * array.shape[axis + 1]
        return array.reshape(*array.shape[:axis], size, *array.shape[axis + 2 :])

    def backward(array: np.ndarray) -> np.ndarray:
        before, after = array.shape[:axis], array.shape[axis + 1 :]
        return array.reshape(*before, heads, array.shape[axis] // heads, *after)

    return Transform("(H, h) to (H * h)", forward, backward)


def joined_first_heads(heads: int) -> Transform:
    """Returns what joins the first axis, of heads, with the last, of their width."""

    def forward(array: np.ndarray) -> np.ndarray:
        if array.ndim != 3 or len(array) != heads:
            return array  # to be reported with its shape
        return array.transpose(1, 0, 2).reshape(array.shape[1], -1)

    def backward(array: np.ndarray) -> np.ndarray:
        return array.reshape(len(array), heads, -1).transpose(1, 0, 2)

    return Transform("(H, D, h) to (D, H * h)", forward, backward)
