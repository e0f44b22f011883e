"""The same array functions on NumPy, on TensorFlow and on the backend of Keras.

An algorithm over these is written once. They have the names, the arguments and the
meaning of `keras.ops`; what NumPy or TensorFlow call otherwise is listed here, and only
what is listed here or called alike by all may be used.

    ops = array_ops.of(boxes)
    sizes = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from domain_core.arrays.host_call import is_tensorflow


class NumpyOps:
    """The functions on NumPy arrays, which NumPy has by the same names."""

    def __getattr__(self, name: str) -> Any:
        return getattr(np, name)

    @staticmethod
    def cast(x: Any, dtype: Any) -> np.ndarray:
        return np.asarray(x).astype(dtype, copy=False)

    @staticmethod
    def convert_to_tensor(x: Any, dtype: Any = None) -> np.ndarray:
        return np.asarray(x, dtype)

    @staticmethod
    def stop_gradient(x: Any) -> Any:
        return x


class TensorFlowOps:
    """The functions on TensorFlow tensors, whatever the backend of Keras is."""

    def __init__(self) -> None:
        import tensorflow as tf

        self._tf = tf
        self.all = tf.reduce_all
        self.any = tf.reduce_any
        self.arange = tf.range
        self.arctan = tf.math.atan
        self.arctan2 = tf.math.atan2
        self.cast = tf.cast
        self.ceil = tf.math.ceil
        self.clip = tf.clip_by_value
        self.concatenate = tf.concat
        self.convert_to_tensor = tf.convert_to_tensor
        self.floor = tf.math.floor
        self.isfinite = tf.math.is_finite
        self.isnan = tf.math.is_nan
        self.log = tf.math.log
        self.max = tf.reduce_max
        self.mean = tf.reduce_mean
        self.min = tf.reduce_min
        self.mod = tf.math.floormod
        self.power = tf.math.pow
        self.prod = tf.reduce_prod
        self.round = tf.math.round
        self.sum = tf.reduce_sum

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tf, name)

    def shape(self, x: Any) -> tuple[Any, ...]:
        """Returns ints, and scalar tensors where a length is not known yet."""
        dynamic = self._tf.shape(x)
        return tuple(
            dynamic[axis] if length is None else length
            for axis, length in enumerate(x.shape)
        )

    def take(self, x: Any, indices: Any, axis: int) -> Any:
        return self._tf.gather(x, indices, axis=axis)

    def take_along_axis(self, x: Any, indices: Any, axis: int) -> Any:
        axis = axis % len(x.shape)
        return self._tf.gather(x, indices, axis=axis, batch_dims=axis)

    def flip(self, x: Any, axis: int) -> Any:
        return self._tf.reverse(x, [axis % len(x.shape)])


NUMPY = NumpyOps()


@functools.cache
def tensorflow_ops() -> TensorFlowOps:
    """Returns the functions of TensorFlow, which it imports."""
    return TensorFlowOps()


def of(*values: Any) -> Any:
    """Returns the functions for some arrays.

    TensorFlow's own for its tensors (unless they are the backend's), Keras' for tensors
    of its backend and symbolic ones, NumPy's for all else: arrays, numbers and lists.
    """
    if any(map(is_backend_tensor, values)):
        return keras.ops
    return tensorflow_ops() if is_tensorflow(*values) else NUMPY


def as_float(x: Any, ops: Any) -> Any:
    """Casts to what is computed in: float32, unless it is float64 already.

    Areas in pixels overflow float16, and so do squares.
    """
    dtype = keras.backend.standardize_dtype(x.dtype)
    return x if dtype in ("float32", "float64") else ops.cast(x, "float32")


def is_backend_tensor(value: Any) -> bool:
    """Whether it is a tensor of the backend of Keras, or a symbolic one of Keras."""
    if isinstance(value, np.ndarray | list | tuple | dict | int | float | None):
        return False
    return isinstance(value, keras.KerasTensor) or keras.ops.is_tensor(value)


def map_leaves(function: Callable[[Any], Any], structure: Any) -> Any:
    """Applies a function to all values of nested dicts."""
    if isinstance(structure, dict):
        return {key: map_leaves(function, value) for key, value in structure.items()}
    return function(structure)


def is_float(dtype: Any) -> bool:
    """Whether a dtype of any library is of floating point."""
    return "float" in str(getattr(dtype, "name", dtype))


def is_uint8(dtype: Any) -> bool:
    """Whether a dtype of any library is uint8."""
    return str(getattr(dtype, "name", dtype)).rpartition(".")[2] == "uint8"
