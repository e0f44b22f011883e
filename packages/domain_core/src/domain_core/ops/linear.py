"""Affine map of the last axis; on torch one native call instead of three Keras ops."""

from __future__ import annotations

from typing import Any

import keras

if keras.config.backend() == "torch":
    import torch

    def linear(x: Any, kernel: Any, bias: Any | None = None) -> Any:
        """Returns `x @ kernel + bias`.

        Args:
            x: tensor `(..., D)`.
            kernel: tensor `(D, E)`.
            bias: tensor `(E,)` or None.

        Returns:
            Tensor `(..., E)`.
        """
        return torch.nn.functional.linear(x, kernel.t(), bias)

else:

    def linear(x: Any, kernel: Any, bias: Any | None = None) -> Any:
        """Returns `x @ kernel + bias`, shapes as on torch."""
        y = keras.ops.matmul(x, kernel)
        return y if bias is None else keras.ops.add(y, bias)
