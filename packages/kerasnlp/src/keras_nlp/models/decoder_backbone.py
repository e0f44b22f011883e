"""What language models that write on have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from domain_core import Backbone
from domain_core.layers import (
    DecoderBlock,
    DecoderContext,
    DecoderEmbedding,
    FeedForward,
    GatedFeedForward,
    RMSNorm,
    Rotary,
    SelfAttention,
)
from keras_nlp.models.decoder_arguments import check_arguments


class DecoderBackbone(Backbone):
    """A causal decoder: embeddings, blocks, and a last norm.

    Inputs: "token_ids" and "padding_mask", int `(B, T)`. Output: features `(B, T, D)`,
    which `embeddings.bind_scores()` turns into scores of tokens.

    Args:
        embeddings: a `DecoderEmbedding`.
        context: a `DecoderContext`.
        blocks: the `DecoderBlock`s.
        norm: a normalization.
        dtype: dtype policy that these were made under.
        name: name of the model.
        trainable: whether its weights train.
    """

    def __init__(
        self,
        embeddings: DecoderEmbedding,
        context: DecoderContext,
        blocks: Sequence[DecoderBlock],
        norm: keras.layers.Layer,
        *,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        inputs = {
            key: keras.Input((None,), dtype="int32", name=key)
            for key in ("token_ids", "padding_mask")
        }
        shared = context(inputs["padding_mask"])
        x = embeddings(inputs["token_ids"], shared)
        for block in blocks:
            x = block(x, shared)
        super().__init__(inputs, norm(x), name=name, trainable=trainable, dtype=dtype)
        self.embeddings = embeddings
        self.context = context
        self.blocks = list(blocks)
        self.norm = norm

    @property
    def token_embedding(self) -> keras.layers.Layer:
        return self.embeddings.token_embedding


class GPTLikeBackbone(DecoderBackbone):
    """A decoder of learned positions, layer normalization and biases.

    A family passes what its constructor was given.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks.
        num_heads: attention heads per block; divides `hidden_dim`.
        hidden_dim: width `D` of the features.
        intermediate_dim: width inside the feed-forward parts.
        dropout: share of features to drop in training, in `[0, 1)`.
        max_sequence_length: number of positions `T` at most.
        activation: of the feed-forward parts.
        attention_dropout: share of attention probabilities to drop; None for
            `dropout`.
        embedding_dropout: share of embedded tokens to drop; None for `dropout`.
        layer_norm_epsilon: added to variances.
        tie_word_embeddings: whether the output is the embedding's table.
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
        embedding_dropout: float | None,
        layer_norm_epsilon: float,
        tie_word_embeddings: bool,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        check_arguments(
            self.arguments, optional=("attention_dropout", "embedding_dropout")
        )
        embedding_rate, attention_rate = (
            dropout if rate is None else rate
            for rate in (embedding_dropout, attention_dropout)
        )
        policy = keras.dtype_policies.get(dtype)
        kernel = keras.initializers.RandomNormal(stddev=0.02)
        shared = {"kernel_initializer": kernel, "dtype": policy}
        norm = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=policy, name="norm"
        )
        super().__init__(
            DecoderEmbedding(
                vocabulary_size,
                hidden_dim,
                sequence_length=max_sequence_length,
                dropout=embedding_rate,
                tie_weights=tie_word_embeddings,
                embeddings_initializer=kernel,
                dtype=policy,
                name="embeddings",
            ),
            DecoderContext(dtype=policy, name="context"),
            [
                DecoderBlock(
                    SelfAttention(
                        num_heads, dropout=attention_rate, name="attention", **shared
                    ),
                    FeedForward(
                        intermediate_dim, activation, name="feedforward", **shared
                    ),
                    norm=norm,
                    dropout=dropout,
                    dtype=policy,
                    name=f"blocks_{index}",
                )
                for index in range(num_layers)
            ],
            norm,
            dtype=policy,
            name=name,
            trainable=trainable,
        )


class LlamaLikeBackbone(DecoderBackbone):
    """A decoder of grouped attention, rotary positions and gated feed-forwards.

    A family passes what its constructor was given, and what makes it different.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks.
        num_query_heads: heads of queries per block.
        num_key_value_heads: heads of keys and values per block; divides
            `num_query_heads`.
        hidden_dim: width `D` of the features.
        intermediate_dim: width inside the feed-forward parts.
        head_dim: width of a head; None for `hidden_dim / num_query_heads`.
        rope_max_wavelength: of the slowest pair of features, in positions, over `2 pi`.
        rope_scaling_factor: what positions are divided by.
        rope_scaling: how positions are stretched to longer texts in other ways, a dict
            with "rope_type" and what belongs to it; see
            `domain_core.layers.rotary_rates`. None for not at all.
        partial_rotary_factor: share of the features of a head that are turned.
        max_sequence_length: the most tokens that a text is written on to; None for no
            limit.
        activation: of the feed-forward parts' gates.
        layer_norm_epsilon: added to mean squares.
        norm_offset: added to the norms' scales.
        norms_after: whether there are norms after the parts of a block, too.
        norms_heads: whether heads of queries and keys are normalized.
        dropout: share of features and attention probabilities to drop in training.
        attention_bias: whether queries, keys and values have a bias.
        output_bias: whether the output of attention has one; None for
            `attention_bias`.
        mlp_bias: whether the feed-forward parts have biases.
        window: number of tokens that local blocks see; None for all.
        is_local: of each block, whether it is local.
        attention_scale: factor of attention scores; None for one over the root of the
            width of a head.
        attention_logit_soft_cap: bends attention scores; None for not at all.
        embedding_scale: factor of embedded tokens.
        final_logit_soft_cap: bends scores of tokens; None for not at all.
        tie_word_embeddings: whether the output is the embedding's table.
        kernel_initializer: a Keras initializer.
        embeddings_initializer: a Keras initializer.
        dtype: dtype policy of layers and weights.
        name: name of the model.
        trainable: whether its weights train.

    Raises:
        ValueError: if a size is below 1 or beyond any model's, numbers of heads don't
            divide what they should, or a scaling lacks something.
    """

    def __init__(
        self,
        *,
        vocabulary_size: int,
        num_layers: int,
        num_query_heads: int,
        num_key_value_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        layer_norm_epsilon: float,
        dropout: float,
        head_dim: int | None = None,
        rope_max_wavelength: float = 10000,
        rope_scaling_factor: float = 1.0,
        rope_scaling: Mapping[str, Any] | None = None,
        partial_rotary_factor: float = 1.0,
        max_sequence_length: int | None = None,
        activation: str = "silu",
        norm_offset: float = 0.0,
        norms_after: bool = False,
        norms_heads: bool = False,
        attention_bias: bool = False,
        output_bias: bool | None = None,
        mlp_bias: bool = False,
        window: int | None = None,
        is_local: Sequence[bool] | None = None,
        attention_scale: float | None = None,
        attention_logit_soft_cap: float | None = None,
        embedding_scale: float = 1.0,
        final_logit_soft_cap: float | None = None,
        tie_word_embeddings: bool = False,
        kernel_initializer: Any = None,
        embeddings_initializer: Any = None,
        dtype: Any = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        check_arguments(
            {**self.arguments, "the window": window},
            optional=("head_dim", "max_sequence_length", "the window"),
        )
        rotary = Rotary(
            head_dim or hidden_dim // num_query_heads,
            rope_max_wavelength,
            _one_scaling(rope_scaling, rope_scaling_factor),
            share=partial_rotary_factor,
        )
        policy = keras.dtype_policies.get(dtype)
        kernel = kernel_initializer or keras.initializers.RandomNormal(stddev=0.02)
        shared = {"kernel_initializer": kernel, "dtype": policy}
        norm = RMSNorm(layer_norm_epsilon, offset=norm_offset, dtype=policy)
        is_local = is_local or [window is not None] * num_layers
        super().__init__(
            DecoderEmbedding(
                vocabulary_size,
                hidden_dim,
                scale=embedding_scale,
                tie_weights=tie_word_embeddings,
                logit_soft_cap=final_logit_soft_cap,
                embeddings_initializer=embeddings_initializer or kernel,
                dtype=policy,
                name="embeddings",
            ),
            DecoderContext(rotary, window=window, dtype=policy, name="context"),
            [
                DecoderBlock(
                    SelfAttention(
                        num_query_heads,
                        num_key_value_heads=num_key_value_heads,
                        head_dim=head_dim,
                        use_bias=attention_bias,
                        use_output_bias=output_bias,
                        rotary="rotary",
                        is_local=is_local[index],
                        scale=attention_scale,
                        soft_cap=attention_logit_soft_cap,
                        head_norm=norm if norms_heads else None,
                        dropout=dropout,
                        name="attention",
                        **shared,
                    ),
                    GatedFeedForward(
                        intermediate_dim,
                        activation,
                        use_bias=mlp_bias,
                        name="feedforward",
                        **shared,
                    ),
                    norm=norm,
                    norms_after=norms_after,
                    dropout=dropout,
                    dtype=policy,
                    name=f"blocks_{index}",
                )
                for index in range(num_layers)
            ],
            RMSNorm(layer_norm_epsilon, offset=norm_offset, dtype=policy, name="norm"),
            dtype=policy,
            name=name,
            trainable=trainable,
        )


def _one_scaling(
    scaling: Mapping[str, Any] | None, factor: float
) -> Mapping[str, Any] | None:
    if factor == 1:
        return scaling
    if scaling is not None:
        raise ValueError(
            f"Expected either `rope_scaling` or `rope_scaling_factor`, received both, "
            f"{scaling!r:.200} and {factor}. Leave one out."
        )
    return {"rope_type": "linear", "factor": factor}
