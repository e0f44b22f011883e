"""The encoder of RoBERTa, whatever its vocabulary: that of XLM-RoBERTa too."""

from __future__ import annotations

from typing import Any

from keras_nlp.models.encoder_backbone import EncoderBackbone


class RobertaEncoder(EncoderBackbone):
    """BERT's encoder without segments and pooler; token ids to features per token.

    Inputs: "token_ids" and "padding_mask", int `(B, T)`. Output: `(B, T, D)`.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks.
        num_heads: attention heads per block; divides `hidden_dim`.
        hidden_dim: width `D` of the features.
        intermediate_dim: width inside the feed-forward parts.
        dropout: share of features to drop in training, in `[0, 1)`.
        max_sequence_length: number of positions `T` at most.
        dtype: dtype policy of layers and weights.
        activation: "gelu" (exact), or another name that Keras knows.
        attention_dropout: share of attention probabilities to drop; None for
            `dropout`.
        layer_norm_epsilon: added to variances.
        num_segments: rows of the table of segments, of which the first is added to
            every token, as Hugging Face does (1); 0 for none.
        name: name of the model.
        trainable: whether its weights train.

    Raises:
        ValueError: if a size is below 1 or beyond any model's, or `num_heads` does not
            divide `hidden_dim`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        intermediate_dim: int,
        dropout: float = 0.1,
        max_sequence_length: int = 512,
        dtype: Any = None,
        *,
        activation: str = "gelu",
        attention_dropout: float | None = None,
        layer_norm_epsilon: float = 1e-5,
        num_segments: int = 0,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(**self.arguments)
