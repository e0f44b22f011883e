"""Normalization by the root mean square, as most decoders have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from domain_core import ops
from domain_core.layers.projection import tensor
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class RMSNorm(RemembersArguments, keras.layers.Layer):
    """Divides the last axis by the root of its mean square, and scales it.

    Args:
        epsilon: added to the mean square.
        offset: added to the scale, which starts at `1 - offset`; 1 for Gemma.

    Call arguments:
        x: tensor `(..., D)`.

    Returns:
        Tensor `(..., D)`; sums run in float32.

    Reference:
        Zhang and Sennrich, Root Mean Square Layer Normalization, 2019.
    """

    def __init__(
        self,
        epsilon: float = 1e-6,
        *,
        offset: float = 0.0,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.epsilon = epsilon
        self.offset = offset

    def build(self, x_shape: Any) -> None:
        self.scale = self.add_weight(
            name="scale",
            shape=(x_shape[-1],),
            initializer="zeros" if self.offset else "ones",
        )

    def bind(self) -> Callable[[Any], Any]:
        """Returns the function that the layer is now; see `projection`."""
        scale, epsilon = tensor(self.scale, self.dtype_policy), self.epsilon
        if self.offset:
            # In float32: 1 + 0.001 is 1 in bfloat16.
            scale = keras.ops.cast(scale, "float32") + self.offset
        return lambda x: ops.rms_norm(x, scale, epsilon)

    def call(self, x: Any) -> Any:
        return self.bind()(x)

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)
