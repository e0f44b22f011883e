"""Multi-head self-attention with separate 2-D projections."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.layers.projection import dense, project
from domain_core.serialization import (
    initializer_config,
    layer_config,
    serializable,
)


@serializable("domain_core")
class SelfAttention(keras.layers.Layer):
    """Multi-head self-attention over the whole sequence.

    Query, key and value are separate kernels `(D, D)`: LoRA, sharding and foreign
    checkpoints then map one to one.

    Args:
        num_heads: number of heads `H`; divides the width `D` of the input.
        dropout: share of the attention probabilities to drop in training.
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.

    Call arguments:
        x: tensor `(B, T, D)`.
        context: dict with "attention_bias", which broadcasts to `(B, H, T, T)`.

    Returns:
        Tensor `(B, T, D)`.

    Reference:
        Vaswani et al., Attention Is All You Need, 2017.
    """

    def __init__(
        self,
        num_heads: int,
        *,
        dropout: float = 0.0,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.num_heads = num_heads
        self.dropout = dropout
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, x_shape: Any, context_shape: Any = None) -> None:
        width = x_shape[-1]
        if width % self.num_heads:
            raise ValueError(
                f"Expected a width that num_heads={self.num_heads} divides, received "
                f"{width}. Change `hidden_dim` or `num_heads`."
            )
        self.query = dense(width, "query", self)
        self.key = dense(width, "key", self)
        self.value = dense(width, "value", self)
        self.out = dense(width, "out", self)
        for layer in (self.query, self.key, self.value, self.out):
            layer.build(x_shape)

    def call(self, x: Any, context: dict[str, Any], training: bool = False) -> Any:
        length, width = keras.ops.shape(x)[1], x.shape[-1]
        split = (-1, length, self.num_heads, width // self.num_heads)
        query, key, value = (
            keras.ops.reshape(project(layer, x, self.dtype_policy), split)
            for layer in (self.query, self.key, self.value)
        )  # (B, T, H, h) each
        mixed = ops.attention(
            query,
            key,
            value,
            context["attention_bias"],
            dropout=self.dropout if training else 0.0,
            seed=self.seed_generator,
        )
        mixed = keras.ops.reshape(mixed, (-1, length, width))  # (B, T, D)
        return project(self.out, mixed, self.dtype_policy)

    def compute_output_spec(
        self, x: Any, context: dict[str, Any], training: bool = False
    ) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **layer_config(self),
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "kernel_initializer": initializer_config(self.kernel_initializer),
            "bias_initializer": initializer_config(self.bias_initializer),
        }
