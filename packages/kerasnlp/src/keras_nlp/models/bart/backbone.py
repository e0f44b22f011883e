"""BART, an encoder as BERT's and a decoder as GPT's that attends to it.

Paper: Lewis et al., "BART: Denoising Sequence-to-Sequence Pre-training for Natural
Language Generation, Translation, and Comprehension", 2020,
https://arxiv.org/abs/1910.13461.
Original code: https://github.com/facebookresearch/fairseq/tree/main/examples/bart.
Unusual: norms come after the sums, also after the embeddings, and there is none at the
end; the decoder begins with the token that ends texts. mBART has its norms before the
parts, one at the end, and embeddings that are scaled.
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
    SelfAttention,
)
from keras_nlp.models.decoder_arguments import check_arguments
from keras_nlp.models.seq2seq_backbone import Seq2SeqBackbone, Stack


class BartBackbone(Seq2SeqBackbone):
    """A BART encoder and decoder: two rows of token ids to features of both.

    Inputs and outputs: see `Seq2SeqBackbone`.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks of the encoder, and of the decoder.
        num_heads: attention heads per block; divides `hidden_dim`.
        hidden_dim: width `D` of the features.
        intermediate_dim: width inside the feed-forward parts.
        dropout: share of features to drop in training, in `[0, 1)`. (Not inside of the
            feed-forward parts, where some models were trained to drop, too.)
        max_sequence_length: number of positions `S` and `T` at most.
        dtype: dtype policy of layers and weights.
        activation: of the feed-forward parts; the default is the exact GELU.
        attention_dropout: share of attention probabilities to drop; None for
            `dropout`.
        num_decoder_layers: number of blocks of the decoder; None for `num_layers`.
        scale_embedding: whether embedded tokens are scaled by the root of `D`.
        normalize_first: whether norms come before the parts of a block, and another
            one at the end, as in mBART.
        output_bias: whether a number for each token is added to its score. It does not
            train, and is 0 in most published models.
        layer_norm_epsilon: added to variances.
        name: name of the model.
        trainable: whether its weights train.

    Raises:
        ValueError: if a size is below 1 or beyond any model's, or `num_heads` does not
            divide `hidden_dim`.

    Example:
        >>> backbone = keras_nlp.models.BartBackbone(
        ...     vocabulary_size=100, num_layers=2, num_heads=2, hidden_dim=16,
        ...     intermediate_dim=32, max_sequence_length=12,
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
        dropout: float = 0.1,
        max_sequence_length: int = 1024,
        dtype: Any = None,
        *,
        activation: str = "gelu",
        attention_dropout: float | None = None,
        num_decoder_layers: int | None = None,
        scale_embedding: bool = False,
        normalize_first: bool = False,
        output_bias: bool = False,
        layer_norm_epsilon: float = 1e-5,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        check_arguments(
            self.arguments, optional=("attention_dropout", "num_decoder_layers")
        )
        policy = keras.dtype_policies.get(dtype)
        kernel = keras.initializers.TruncatedNormal(stddev=0.02)
        shared: dict[str, Any] = {"kernel_initializer": kernel, "dtype": policy}
        attention = {
            "dropout": dropout if attention_dropout is None else attention_dropout,
            **shared,
        }
        norm = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=policy, name="norm"
        )

        def stack(layers: int, prefix: str, is_decoder: bool, table: Any) -> Stack:
            context: Any = DecoderContext if is_decoder else AttentionContext
            return Stack(
                DecoderEmbedding(
                    vocabulary_size,
                    hidden_dim,
                    sequence_length=max_sequence_length,
                    scale=hidden_dim**0.5 if scale_embedding else 1.0,
                    norm=norm,
                    dropout=dropout,
                    score_bias=is_decoder and output_bias,
                    shared_with=table,
                    embeddings_initializer=kernel,
                    dtype=policy,
                    name=f"{prefix}embeddings",
                ),
                context(dtype=policy, name=f"{prefix}context"),
                [
                    DecoderBlock(
                        SelfAttention(num_heads, name="attention", **attention),
                        FeedForward(
                            intermediate_dim, activation, name="feedforward", **shared
                        ),
                        norm=norm,
                        cross_attention=CrossAttention(
                            num_heads, name="cross_attention", **attention
                        )
                        if is_decoder
                        else None,
                        normalize_first=normalize_first,
                        dropout=dropout,
                        dtype=policy,
                        name=f"{prefix}blocks_{index}",
                    )
                    for index in range(layers)
                ],
                keras.layers.LayerNormalization(
                    epsilon=layer_norm_epsilon, dtype=policy, name=f"{prefix}norm"
                )
                if normalize_first
                else None,
            )

        decoder = stack(num_decoder_layers or num_layers, "", True, None)
        encoder = stack(num_layers, "encoder_", False, decoder.embeddings)
        super().__init__(encoder, decoder, dtype=policy, name=name, trainable=trainable)
