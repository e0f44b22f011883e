"""Normalization by the root mean square of the last axis; native on torch."""

from __future__ import annotations

from typing import Any

import keras

if keras.config.backend() == "torch":
    from torch.nn import functional

    def _rms_norm(x, scale, epsilon):
        if scale.dtype == x.dtype:
            return functional.rms_norm(x, scale.shape, scale, epsilon)
        y = functional.rms_norm(x.to(scale.dtype), scale.shape, scale, epsilon)
        return y.to(x.dtype)

else:

    def _rms_norm(x, scale, epsilon):
        # Keras casts the scale before the product, and so rounds once more.
        y = keras.ops.cast(x, "float32")
        mean = keras.ops.mean(keras.ops.square(y), axis=-1, keepdims=True)
        y = y * keras.ops.rsqrt(mean + epsilon)
        return keras.ops.cast(y * keras.ops.cast(scale, "float32"), x.dtype)


def rms_norm(x: Any, scale: Any, epsilon: float) -> Any:
    """Divides by the root of the mean square of the last axis, then scales.

    Args:
        x: tensor `(..., D)`.
        scale: tensor `(D,)`, in the dtype of `x` or float32.
        epsilon: added to the mean square.

    Returns:
        Tensor of the shape and dtype of `x`; sums run in float32.
    """
    return _rms_norm(x, scale, epsilon)
