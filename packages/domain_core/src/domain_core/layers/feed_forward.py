"""The position-wise part of a transformer block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from domain_core import ops
from domain_core.layers.projection import bound_dense, dense
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class FeedForward(RemembersArguments, keras.layers.Layer):
    """down(activation(up(x))), at each position alone.

    Args:
        intermediate_dim: width `F` between the two projections.
        activation: a name that `domain_core.ops.activation` knows.
        use_bias: whether the projections have biases.
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
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.intermediate_dim = intermediate_dim
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self._activate = ops.activation(activation)

    def build(self, x_shape: Any) -> None:
        self.up = dense(self.intermediate_dim, "up", self, use_bias=self.use_bias)
        self.down = dense(x_shape[-1], "down", self, use_bias=self.use_bias)
        self.up.build(x_shape)
        self.down.build((*x_shape[:-1], self.intermediate_dim))

    def call(self, x: Any) -> Any:
        return self.bind()(x)

    def bind(self) -> Callable[[Any], Any]:
        """Returns the function that `call` is now; see `projection`."""
        up = bound_dense(self.up, self.dtype_policy, self._activate)
        down = bound_dense(self.down, self.dtype_policy)
        return lambda x: down(up(x))  # (B, T, F) inside

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)


@serializable("domain_core")
class GatedFeedForward(FeedForward):
    """down(activation(gate(x)) * up(x)), at each position alone.

    Args:
        intermediate_dim: width `F` between the projections.
        activation: a name that `domain_core.ops.activation` knows.
        use_bias: whether the projections have biases.
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.

    Call arguments:
        x: tensor `(B, T, D)`.

    Returns:
        Tensor `(B, T, D)`.

    Reference:
        Shazeer, GLU Variants Improve Transformer, 2020.
    """

    def __init__(
        self,
        intermediate_dim: int,
        activation: Any,
        *,
        use_bias: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            intermediate_dim,
            activation,
            use_bias=use_bias,
            kernel_initializer=kernel_initializer,
            bias_initializer=bias_initializer,
            name=name,
            trainable=trainable,
            dtype=dtype,
        )

    def build(self, x_shape: Any) -> None:
        self.gate = dense(self.intermediate_dim, "gate", self, use_bias=self.use_bias)
        self.up = dense(self.intermediate_dim, "up", self, use_bias=self.use_bias)
        self.down = dense(x_shape[-1], "down", self, use_bias=self.use_bias)
        self.gate.build(x_shape)
        self.up.build(x_shape)
        self.down.build((*x_shape[:-1], self.intermediate_dim))

    def bind(self) -> Callable[[Any], Any]:
        gate = bound_dense(self.gate, self.dtype_policy, self._activate)
        up, down = (
            bound_dense(part, self.dtype_policy) for part in (self.up, self.down)
        )
        return lambda x: down(gate(x) * up(x))  # (B, T, F) inside
