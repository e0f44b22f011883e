"""Steps that take over the memory of a tensor or array nobody else holds.

A new tensor of a few megabytes costs more, in page faults, than the sum or the ReLU;
copies of an embedding on its way from a file may not fit beside the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from domain_core.arrays.aligned import as_aligned
from domain_core.ops.activation import activation

_SHARED = ("float64", "float32", "float16", "int64", "int32", "int8", "uint8")

if keras.config.backend() == "torch":
    import torch

    def _may_overwrite():
        return not torch.is_grad_enabled()

    def _from_numpy(array):
        if array.dtype.name.startswith("float8"):
            array = array.astype("float32")  # torch takes none of NumPy's
        return torch.from_numpy(array) if array.dtype.name in _SHARED else array

else:

    def _may_overwrite():
        return False

    def _from_numpy(array):
        array = as_aligned(array)
        if (
            keras.config.backend() == "jax"
            or array.nbytes == 0
            or array.dtype.name not in _SHARED
        ):
            return array
        import tensorflow as tf

        # By DLPack: `tf.convert_to_tensor` makes two copies.
        return tf.experimental.dlpack.from_dlpack(array.__dlpack__())


def add_in_place(x: Any, y: Any) -> Any:
    """Returns `x + y`.

    Args:
        x: tensor that the caller made and does not use again.
        y: tensor of its shape and dtype.
    """
    return x.add_(y) if _may_overwrite() else x + y


def activation_in_place(identifier: Any) -> Callable[[Any], Any]:
    """Returns an activation function that may overwrite its argument.

    Args:
        identifier: see `activation`.
    """
    function = activation(identifier)
    if identifier != "relu" or keras.config.backend() != "torch":
        return function
    return lambda x: x.relu_() if _may_overwrite() else function(x)


def from_numpy(array: np.ndarray) -> Any:
    """Returns an array in a form that `keras.Variable.assign` does not copy twice.

    Args:
        array: one that the caller made and does not use again.

    Returns:
        A tensor over the same memory; an array where there is no such tensor, or Keras
        shares the memory anyway, as on JAX.
    """
    return _from_numpy(array)
