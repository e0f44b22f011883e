"""T5, an encoder and a decoder that know distances instead of positions.

Papers: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified
Text-to-Text Transformer", 2020, https://arxiv.org/abs/1910.10683; for version 1.1
Shazeer, "GLU Variants Improve Transformer", 2020, https://arxiv.org/abs/2002.05202.
Original code: https://github.com/google-research/text-to-text-transfer-transformer.
Unusual: one table of distances for all blocks of a stack, in place of positions; scores
of attention are not scaled, those of tokens are where the tables are tied; no biases;
heads may be wider than the model.
"""

from __future__ import annotations

from typing import Any

import keras

from domain_core.layers import (
    AttentionContext,
    CrossAttention,
    DecoderBlock,
    DecoderContext,
    DecoderEmbedding,
    FeedForward,
    GatedFeedForward,
    RelativePositions,
    RMSNorm,
    SelfAttention,
)
from keras_nlp.models.decoder_arguments import check_arguments
from keras_nlp.models.seq2seq_backbone import Seq2SeqBackbone, Stack


class T5Backbone(Seq2SeqBackbone):
    """A T5 encoder and decoder: two rows of token ids to features of both.

    Inputs and outputs: see `Seq2SeqBackbone`. The defaults are upstream's: version 1.0
    of T5 has no gates, and version 1.1 has gates of tanh GELU and its tables untied.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks of the encoder, and of the decoder.
        num_heads: attention heads per block.
        hidden_dim: width `D` of the features.
        intermediate_dim: width inside the feed-forward parts.
        key_value_dim: width of a head; None for `hidden_dim / num_heads`.
        dropout: share of features and attention probabilities to drop in training, in
            `[0, 1)`. (Not inside of the feed-forward parts, where the original drops,
            too.)
        activation: of the feed-forward parts.
        use_gated_activation: whether these have gates.
        layer_norm_epsilon: added to mean squares.
        tie_embedding_weights: whether the output is the embedding's table.
        dtype: dtype policy of layers and weights.
        num_decoder_layers: number of blocks of the decoder; None for `num_layers`.
        relative_attention_num_buckets: number of distances that are told apart.
        relative_attention_max_distance: from which on all are the same.
        scale_output: whether features are divided by the root of `hidden_dim` before
            they are scored; None for where the tables are tied, as in the original.
        name: name of the model.
        trainable: whether its weights train.

    Raises:
        ValueError: if a size is below 1 or beyond any model's, or `num_heads` does not
            divide `hidden_dim` and there is no `key_value_dim`.

    Example:
        >>> backbone = keras_nlp.models.T5Backbone(
        ...     vocabulary_size=100, num_layers=2, num_heads=2, hidden_dim=16,
        ...     intermediate_dim=32,
        ... )
        >>> ones = np.ones((3, 12), "int32")
        >>> outputs = backbone({
        ...     "encoder_token_ids": ones, "encoder_padding_mask": ones,
        ...     "decoder_token_ids": ones[:, :5], "decoder_padding_mask": ones[:, :5],
        ... })
        >>> tuple(outputs["decoder_sequence_output"].shape)
        (3, 5, 16)
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        key_value_dim: int | None = None,
        dropout: float = 0.1,
        activation: str = "relu",
        use_gated_activation: bool = True,
        layer_norm_epsilon: float = 1e-6,
        tie_embedding_weights: bool = True,
        dtype: Any = None,
        *,
        num_decoder_layers: int | None = None,
        relative_attention_num_buckets: int = 32,
        relative_attention_max_distance: int = 128,
        scale_output: bool | None = None,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        check_arguments(
            self.arguments, optional=("key_value_dim", "num_decoder_layers")
        )
        policy = keras.dtype_policies.get(dtype)
        width = key_value_dim or hidden_dim // num_heads
        is_scaled = tie_embedding_weights if scale_output is None else scale_output

        def normal(variance: float) -> keras.initializers.Initializer:
            return keras.initializers.RandomNormal(stddev=variance**0.5)

        # As in the original: variances that make up for what is not scaled.
        kernel = keras.initializers.VarianceScaling(1.0, "fan_in", "untruncated_normal")
        norm = RMSNorm(layer_norm_epsilon, dtype=policy)
        attention = {
            "head_dim": key_value_dim,
            "use_bias": False,
            "scale": 1.0,
            "dropout": dropout,
            "kernel_initializer": kernel,
            "query_initializer": normal(1 / (hidden_dim * width)),
            "dtype": policy,
        }
        feedforward = GatedFeedForward if use_gated_activation else FeedForward

        def stack(
            layers: int, prefix: str, is_decoder: bool, shared: Any = None
        ) -> Stack:
            relative = RelativePositions(
                num_heads,
                num_buckets=relative_attention_num_buckets,
                max_distance=relative_attention_max_distance,
                is_bidirectional=not is_decoder,
                embeddings_initializer=normal(1 / hidden_dim),
                dtype=policy,
                name="relative",
            )
            context: Any = AttentionContext
            if is_decoder:
                context = DecoderContext
            return Stack(
                DecoderEmbedding(
                    vocabulary_size,
                    hidden_dim,
                    dropout=dropout,
                    tie_weights=tie_embedding_weights,
                    score_scale=hidden_dim**-0.5 if is_scaled else 1.0,
                    shared_with=shared,
                    embeddings_initializer=normal(
                        1.0 if tie_embedding_weights else 1 / hidden_dim
                    ),
                    dtype=policy,
                    name=f"{prefix}embeddings",
                ),
                context(relative=relative, dtype=policy, name=f"{prefix}context"),
                [
                    DecoderBlock(
                        SelfAttention(num_heads, name="attention", **attention),
                        feedforward(
                            intermediate_dim,
                            activation,
                            use_bias=False,
                            kernel_initializer=kernel,
                            dtype=policy,
                            name="feedforward",
                        ),
                        norm=norm,
                        cross_attention=CrossAttention(
                            num_heads, name="cross_attention", **attention
                        )
                        if is_decoder
                        else None,
                        dropout=dropout,
                        dtype=policy,
                        name=f"{prefix}blocks_{index}",
                    )
                    for index in range(layers)
                ],
                RMSNorm(layer_norm_epsilon, dtype=policy, name=f"{prefix}norm"),
            )

        decoder = stack(num_decoder_layers or num_layers, "", True)
        encoder = stack(num_layers, "encoder_", False, decoder.embeddings)
        super().__init__(encoder, decoder, dtype=policy, name=name, trainable=trainable)
