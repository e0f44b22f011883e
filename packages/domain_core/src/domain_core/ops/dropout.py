"""Dropout without a layer; native on torch, where Keras' own ignores the seed state."""

from __future__ import annotations

from typing import Any

import keras

if keras.config.backend() == "torch":
    import torch

    def dropout(x: Any, rate: float, seed: keras.random.SeedGenerator) -> Any:
        """Zeroes a share `rate` of `x` and scales the rest by `1 / (1 - rate)`.

        Args:
            x: tensor of any shape.
            rate: share in `[0, 1)`.
            seed: source of randomness; torch uses its own, `torch.manual_seed`.
        """
        del seed
        return torch.nn.functional.dropout(x, rate, training=True)

else:

    def dropout(x: Any, rate: float, seed: keras.random.SeedGenerator) -> Any:
        """Zeroes a share `rate` of `x`; see the torch form."""
        return keras.random.dropout(x, rate, seed=seed)
