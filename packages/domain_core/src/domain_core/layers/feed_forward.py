"""The position-wise part of a transformer block."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.layers.projection import dense, project
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class FeedForward(RemembersArguments, keras.layers.Layer):
    """down(activation(up(x))), at each position alone.

    Args:
        intermediate_dim: width `F` between the two projections.
        activation: a name that `domain_core.ops.activation` knows.
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.

    Call arguments:
        x: tensor `(B, T, D)`.

    Returns:
        Tensor `(B, T, D)`.
    """

    def __init__(
        self,
        intermediate_dim: int,
        activation: Any,
        *,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.intermediate_dim = intermediate_dim
        self.activation = activation
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self._activate = ops.activation(activation)

    def build(self, x_shape: Any) -> None:
        self.up = dense(self.intermediate_dim, "up", self)
        self.down = dense(x_shape[-1], "down", self)
        self.up.build(x_shape)
        self.down.build((*x_shape[:-1], self.intermediate_dim))

    def call(self, x: Any) -> Any:
        x = self._activate(project(self.up, x, self.dtype_policy))  # (B, T, F)
        return project(self.down, x, self.dtype_policy)

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)
