"""What the encoders that resemble BERT have in common."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import Backbone
from domain_core.arguments import as_fraction, as_positive_int, as_rate
from domain_core.layers import (
    AttentionContext,
    EncoderBlock,
    FeedForward,
    FirstTokenPooler,
    SelfAttention,
    TextEmbedding,
)


class EncoderBackbone(Backbone):
    """A bidirectional transformer encoder; the norm follows each residual sum.

    A family passes what its constructor was given.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks.
        num_heads: attention heads per block; divides `hidden_dim`.
        hidden_dim: width `D` of the features.
        intermediate_dim: width inside the feed-forward parts.
        dropout: share of features to drop in training, in `[0, 1)`.
        max_sequence_length: number of positions `T` at most.
        activation: name of the activation in the feed-forward parts.
        attention_dropout: share of attention probabilities to drop; None for
            `dropout`.
        layer_norm_epsilon: added to variances.
        num_segments: number of segment ids; 0 for none.
        tells_segments: whether there is an input "segment_ids"; else every token is of
            the first segment.
        include_pooler: whether there is a "pooled_output".
        dtype: dtype policy of layers and weights.
        name: name of the model.
        trainable: whether its weights train.

    Raises:
        ValueError: if a size is below 1 or beyond any model's, or `num_heads` does not
            divide `hidden_dim`.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float,
        max_sequence_length: int,
        activation: str,
        attention_dropout: float | None,
        layer_norm_epsilon: float,
        num_segments: int = 0,
        tells_segments: bool = False,
        include_pooler: bool = False,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        for name_of, size, at_most in (
            ("vocabulary_size", vocabulary_size, 10**7),
            ("num_layers", num_layers, 1000),
            ("num_heads", num_heads, 10**4),
            ("hidden_dim", hidden_dim, 10**5),
            ("intermediate_dim", intermediate_dim, 10**6),
            ("max_sequence_length", max_sequence_length, 10**7),
            (
                "num_segments",
                num_segments if tells_segments else num_segments or 1,
                10**4,
            ),
        ):
            as_positive_int(name_of, size, at_most)
        as_rate("dropout", dropout)
        if attention_dropout is not None:
            as_rate("attention_dropout", attention_dropout)
        as_fraction("layer_norm_epsilon", layer_norm_epsilon)
        # layers
        policy = keras.dtype_policies.get(dtype)
        kernel = keras.initializers.TruncatedNormal(stddev=0.02)
        shared = {"kernel_initializer": kernel, "dtype": policy}
        embeddings = TextEmbedding(
            vocabulary_size,
            max_sequence_length,
            hidden_dim=hidden_dim,
            num_segments=num_segments,
            dropout=dropout,
            layer_norm_epsilon=layer_norm_epsilon,
            embeddings_initializer=kernel,
            dtype=policy,
            name="embeddings",
        )
        context = AttentionContext(dtype=policy, name="context")
        blocks = [
            EncoderBlock(
                SelfAttention(
                    num_heads,
                    dropout=dropout if attention_dropout is None else attention_dropout,
                    name="attention",
                    **shared,
                ),
                FeedForward(intermediate_dim, activation, name="feedforward", **shared),
                dropout=dropout,
                layer_norm_epsilon=layer_norm_epsilon,
                dtype=policy,
                name=f"blocks_{index}",
            )
            for index in range(num_layers)
        ]
        # functional model
        names = ("token_ids", "segment_ids", "padding_mask")
        inputs = {
            key: keras.Input((None,), dtype="int32", name=key)
            for key in names
            if tells_segments or key != "segment_ids"
        }
        x = embeddings(*(inputs[key] for key in names[:2] if key in inputs))
        shared_context = context(inputs["padding_mask"])
        for block in blocks:
            x = block(x, shared_context)
        outputs: Any = {"sequence_output": x} if tells_segments else x
        if include_pooler:
            pooler = FirstTokenPooler(name="pooler", **shared)
            outputs = {"sequence_output": x, "pooled_output": pooler(x)}
        super().__init__(inputs, outputs, name=name, trainable=trainable, dtype=dtype)
        self.embeddings = embeddings
        self.context = context
        self.blocks = blocks
        if include_pooler:
            self.pooler = pooler

    @property
    def token_embedding(self) -> keras.layers.Layer:
        return self.embeddings.token_embedding
