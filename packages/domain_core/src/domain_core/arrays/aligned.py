"""NumPy arrays at addresses that JAX and TensorFlow take over uncopied."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_ALIGNMENT = 64  # bytes; the kernels of XLA and TensorFlow rely on it


def aligned_array(shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray:
    """Returns a new array at an address that JAX and TensorFlow take over uncopied."""
    size = math.prod(shape) * dtype.itemsize
    memory = np.empty(size + _ALIGNMENT, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT
    return memory[start : start + size].view(dtype).reshape(shape)


def as_aligned(array: np.ndarray) -> np.ndarray:
    """Returns an array, or a copy of it, as `aligned_array` makes them."""
    if array.flags.c_contiguous and array.ctypes.data % _ALIGNMENT == 0:
        return array
    copy = aligned_array(array.shape, array.dtype)
    copy[...] = array
    return copy
