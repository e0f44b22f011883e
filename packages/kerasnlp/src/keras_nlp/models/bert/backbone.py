"""BERT, a bidirectional transformer encoder.

Paper: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for
Language Understanding", 2018, https://arxiv.org/abs/1810.04805.
Original code: https://github.com/google-research/bert.
Unusual: the norm follows each residual sum; embeddings are normalized before the first
block; published Keras weights use the tanh form of GELU, most others the exact one.
"""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_positive_int
from keras_nlp.models.encoder_backbone import EncoderBackbone


class BertBackbone(EncoderBackbone):
    """A BERT encoder: token ids to features per token and per text.

    Inputs: "token_ids", "segment_ids" and "padding_mask", int `(B, T)`. Outputs:
    "sequence_output" `(B, T, D)` and "pooled_output" `(B, D)`.

    Args:
        vocabulary_size: number of token ids.
        num_layers: number of blocks.
        num_heads: attention heads per block; divides `hidden_dim`.
        hidden_dim: width `D` of the features.
        intermediate_dim: width inside the feed-forward parts.
        dropout: share of features to drop in training, in `[0, 1)`.
        max_sequence_length: number of positions `T` at most.
        num_segments: number of segment ids.
        dtype: dtype policy of layers and weights.
        activation: "gelu_approximate" (tanh form) or "gelu" (exact), or another name
            that Keras knows.
        attention_dropout: share of attention probabilities to drop; None for
            `dropout`.
        layer_norm_epsilon: added to variances.
        include_pooler: whether there is a "pooled_output".
        name: name of the model.
        trainable: whether its weights train.

    Raises:
        ValueError: if a size is below 1 or beyond any model's, or `num_heads` does not
            divide `hidden_dim`.

    Example:
        >>> backbone = keras_nlp.models.BertBackbone(
        ...     vocabulary_size=100, num_layers=2, num_heads=2, hidden_dim=16,
        ...     intermediate_dim=32, max_sequence_length=12,
        ... )
        >>> ones = np.ones((3, 12), "int32")
        >>> inputs = {"token_ids": ones, "segment_ids": 0 * ones, "padding_mask": ones}
        >>> tuple(backbone(inputs)["pooled_output"].shape)
        (3, 16)
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
        num_segments: int = 2,
        dtype: Any = None,
        *,
        activation: str = "gelu_approximate",
        attention_dropout: float | None = None,
        layer_norm_epsilon: float = 1e-12,
        include_pooler: bool = True,
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(
            vocabulary_size=vocabulary_size,
            num_layers=num_layers,
            num_heads=num_heads,
            hidden_dim=hidden_dim,
            intermediate_dim=intermediate_dim,
            dropout=dropout,
            max_sequence_length=max_sequence_length,
            activation=activation,
            attention_dropout=attention_dropout,
            layer_norm_epsilon=layer_norm_epsilon,
            num_segments=as_positive_int("num_segments", num_segments),
            tells_segments=True,
            include_pooler=include_pooler,
            dtype=dtype,
            name=name,
            trainable=trainable,
        )
        self.set_config(
            vocabulary_size=vocabulary_size,
            num_layers=num_layers,
            num_heads=num_heads,
            hidden_dim=hidden_dim,
            intermediate_dim=intermediate_dim,
            dropout=dropout,
            max_sequence_length=max_sequence_length,
            num_segments=num_segments,
            activation=activation,
            attention_dropout=attention_dropout,
            layer_norm_epsilon=layer_norm_epsilon,
            include_pooler=include_pooler,
        )
