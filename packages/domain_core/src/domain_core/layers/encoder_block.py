"""A transformer encoder block as one Keras layer."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.layers.residual import enter, leave
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable

_NO_BIAS: dict[str, Any] = {"attention_bias": None}


@serializable("domain_core")
class EncoderBlock(RemembersArguments, keras.layers.Layer):
    """Self-attention and feed-forward, each with dropout, residual and norm.

    One `Layer.__call__` per block: the parts run through their `call`, which is safe
    because they hold no policy, regularizer or quantization of their own; the dense
    layers inside them are guarded by `project`.

    Args:
        attention: a layer with `call(x, context, training)`, such as `SelfAttention`.
        feedforward: a layer with `call(x)`, such as `FeedForward`.
        dropout: share to drop after each part in training.
        layer_norm_epsilon: added to the variance.
        normalize_first: norm before each part (pre-norm) instead of after it.

    Call arguments:
        x: tensor `(B, T, D)`.
        context: what the attention needs, see `AttentionContext`; None where all
            positions see each other.

    Returns:
        Tensor `(B, T, D)`.
    """

    def __init__(
        self,
        attention: keras.layers.Layer,
        feedforward: keras.layers.Layer,
        *,
        dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-5,
        normalize_first: bool = False,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.attention = attention
        self.feedforward = feedforward
        self.dropout = dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self.normalize_first = normalize_first
        self.seed_generator = keras.random.SeedGenerator()
        self.attention_norm, self.feedforward_norm = (
            keras.layers.LayerNormalization(
                epsilon=layer_norm_epsilon, dtype=self.dtype_policy, name=part
            )
            for part in ("attention_norm", "feedforward_norm")
        )

    def build(self, x_shape: Any, context_shape: Any = None) -> None:
        self.attention.build(x_shape, context_shape)
        self.feedforward.build(x_shape)
        self.attention_norm.build(x_shape)
        self.feedforward_norm.build(x_shape)

    def call(
        self, x: Any, context: dict[str, Any] | None = None, training: bool = False
    ) -> Any:
        context = _NO_BIAS if context is None else context
        y = enter(self, x, self.attention_norm)
        y = self.attention.call(y, context, training)
        x = leave(self, x, y, self.attention_norm, training)
        y = self.feedforward.call(enter(self, x, self.feedforward_norm))
        return leave(self, x, y, self.feedforward_norm, training)

    def compute_output_spec(
        self, x: Any, context: dict[str, Any] | None = None, training: bool = False
    ) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def compute_output_shape(self, x_shape: Any, context_shape: Any = None) -> Any:
        return x_shape
