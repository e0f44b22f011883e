"""Multi-head attention with separate 2-D projections."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.layers.projection import dense, project
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


class Attention(RemembersArguments, keras.layers.Layer):
    """What self-attention and cross-attention share: the projections, and their use.

    Query, key and value are separate kernels `(D, D)`: LoRA, sharding and foreign
    checkpoints then map one to one. A subclass writes `build` and `call`. A block
    that keeps keys and values in a cache calls the two steps of `call` itself, with
    the cache between them.
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

    def build_projections(self, x_shape: Any, source_shape: Any) -> None:
        """Makes the weights.

        Args:
            x_shape: shape of what queries are made of, `(B, T, D)`.
            source_shape: shape of what keys and values are made of, `(B, S, E)`.
        """
        width = x_shape[-1]
        if width % self.num_heads:
            raise ValueError(
                f"Expected a width that num_heads={self.num_heads} divides, received "
                f"{width}. Change the width of the input (`hidden_dim` of a backbone) "
                "or `num_heads`."
            )
        self.query = dense(width, "query", self)
        self.key = dense(width, "key", self)
        self.value = dense(width, "value", self)
        self.out = dense(width, "out", self)
        self.query.build(x_shape)
        self.key.build(source_shape)
        self.value.build(source_shape)
        self.out.build(x_shape)

    def keys_and_values(self, source: Any) -> tuple[Any, Any]:
        """Returns keys and values `(B, S, H, h)` of a sequence `(B, S, E)`."""
        return self._heads(self.key, source), self._heads(self.value, source)

    def attend(
        self, x: Any, key: Any, value: Any, bias: Any, training: Any = False
    ) -> Any:
        """Lets each position of a sequence attend to keys.

        Args:
            x: tensor `(B, T, D)`.
            key: tensor `(B, S, H, h)`.
            value: tensor `(B, S, H, h)`.
            bias: tensor that broadcasts to `(B, H, T, S)`, or None.
            training: whether to drop probabilities.

        Returns:
            Tensor `(B, T, D)`.
        """
        mixed = ops.attention(
            self._heads(self.query, x),
            key,
            value,
            bias,
            dropout=self.dropout if training else 0.0,
            seed=self.seed_generator,
        )  # (B, T, H, h)
        mixed = keras.ops.reshape(mixed, (-1, keras.ops.shape(x)[1], x.shape[-1]))
        return project(self.out, mixed, self.dtype_policy)

    def _heads(self, layer: keras.layers.Dense, x: Any) -> Any:
        split = (
            -1,
            keras.ops.shape(x)[1],
            self.num_heads,
            layer.units // self.num_heads,
        )
        return keras.ops.reshape(project(layer, x, self.dtype_policy), split)


@serializable("domain_core")
class SelfAttention(Attention):
    """Multi-head self-attention over the whole sequence.

    Args:
        num_heads: number of heads `H`; divides the width `D` of the input.
        dropout: share of the attention probabilities to drop in training.
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.

    Call arguments:
        x: tensor `(B, T, D)`.
        context: dict with "attention_bias", which broadcasts to `(B, H, T, T)`, or
            None.

    Returns:
        Tensor `(B, T, D)`.

    Reference:
        Vaswani et al., Attention Is All You Need, 2017.
    """

    def build(self, x_shape: Any, context_shape: Any = None) -> None:
        self.build_projections(x_shape, x_shape)

    def call(self, x: Any, context: dict[str, Any], training: bool = False) -> Any:
        key, value = self.keys_and_values(x)
        return self.attend(x, key, value, context["attention_bias"], training)

    def probabilities(self, x: Any, bias: Any) -> Any:
        """Returns how much each position attends to which, `(B, H, T, T)`.

        For inspection: fused attention never holds them.
        """
        query = keras.ops.transpose(self._heads(self.query, x), (0, 2, 1, 3))
        key = keras.ops.transpose(self._heads(self.key, x), (0, 2, 3, 1))
        scores = keras.ops.matmul(query, key) / query.shape[-1] ** 0.5  # (B, H, T, T)
        return keras.ops.softmax(scores if bias is None else scores + bias, axis=-1)

    def compute_output_spec(
        self, x: Any, context: dict[str, Any], training: bool = False
    ) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)


@serializable("domain_core")
class CrossAttention(Attention):
    """Multi-head attention of one sequence over another.

    Args:
        num_heads: number of heads `H`; divides the width `D` of the input.
        dropout: share of the attention probabilities to drop in training.
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.

    Call arguments:
        x: tensor `(B, T, D)`.
        source: tensor `(B, S, E)`.
        context: dict with "attention_bias", which broadcasts to `(B, H, T, S)`, or
            None.

    Returns:
        Tensor `(B, T, D)`.
    """

    def build(self, x_shape: Any, source_shape: Any, context_shape: Any = None) -> None:
        self.build_projections(x_shape, source_shape)

    def call(
        self, x: Any, source: Any, context: dict[str, Any], training: bool = False
    ) -> Any:
        key, value = self.keys_and_values(source)
        return self.attend(x, key, value, context["attention_bias"], training)

    def compute_output_spec(
        self, x: Any, source: Any, context: dict[str, Any], training: bool = False
    ) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)
