"""A tensor that is read when its turn comes."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Self

import keras
import numpy as np


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A tensor that is read when its turn comes.

    Args:
        dtype: a name as Keras gives it.
        shape: its axes.
        read: returns it as an array of this dtype and shape.
    """

    dtype: str
    shape: tuple[int, ...]
    read: Callable[[], np.ndarray]

    @classmethod
    def of(cls, variable: keras.Variable) -> Self:
        """Returns the value of a variable."""
        return cls(variable.dtype, tuple(variable.shape), lambda: to_array(variable))

    @classmethod
    def constant(cls, value: np.ndarray) -> Self:
        """Returns an array that is at hand."""
        return cls(value.dtype.name, value.shape, lambda: value)

    @property
    def size(self) -> int:
        """Bytes of the tensor."""
        width = 2 if self.dtype == "bfloat16" else 1
        if not self.dtype.startswith(("bfloat", "float8")):
            width = np.dtype(self.dtype).itemsize
        return math.prod(self.shape) * width


def to_array(variable: keras.Variable) -> np.ndarray:
    """Returns the value of a variable, in its own dtype on every backend."""
    array = keras.ops.convert_to_numpy(variable.value)
    return array.astype(variable.dtype, copy=False)  # torch gives bfloat16 wider
