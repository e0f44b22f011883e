"""Turns pairs of features, as rotary position embeddings do; native on torch."""

from __future__ import annotations

from typing import Any

import keras

if keras.config.backend() == "torch":
    import torch

    def _rotate(x, cos, sin):
        turned = torch.roll(x, x.shape[-1] // 2, -1)
        return torch.addcmul(x * cos, turned, sin)

else:

    def _rotate(x, cos, sin):
        first, second = keras.ops.split(x, 2, axis=-1)
        return x * cos + keras.ops.concatenate((second, first), axis=-1) * sin


def rotate(x: Any, cos: Any, sin: Any) -> Any:
    """Turns feature `j` with feature `j + r / 2`, each pair by its own angle.

    Args:
        x: tensor `(..., h)`.
        cos: cosines of the angles, each twice, `(..., r)`; features beyond the first
            `r` stay as they are.
        sin: their sines, the first half negative, `(..., r)`.

    Returns:
        Tensor of the shape of `x`.
    """
    width = cos.shape[-1]
    if width == x.shape[-1]:
        return _rotate(x, cos, sin)
    turned = _rotate(x[..., :width], cos, sin)
    return keras.ops.concatenate((turned, x[..., width:]), axis=-1)
