"""DistilBERT, a BERT of half the depth that was taught by the whole one.

Paper: Sanh et al., "DistilBERT, a distilled version of BERT: smaller, faster, cheaper
and lighter", 2019, https://arxiv.org/abs/1910.01108.
Original code: https://github.com/huggingface/transformers (examples of that time).
Unusual: BERT without segments and without a pooler.
"""

from __future__ import annotations

from typing import Any

from keras_nlp.models.encoder_backbone import EncoderBackbone


class DistilBertBackbone(EncoderBackbone):
    """A DistilBERT encoder: token ids to features per token.

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
        name: name of the model.
        trainable: whether its weights train.

    Raises:
        ValueError: if a size is below 1 or beyond any model's, or `num_heads` does not
            divide `hidden_dim`.

    Example:
        >>> backbone = keras_nlp.models.DistilBertBackbone(
        ...     vocabulary_size=100, num_layers=2, num_heads=2, hidden_dim=16,
        ...     intermediate_dim=32, max_sequence_length=12,
        ... )
        >>> ones = np.ones((3, 12), "int32")
        >>> tuple(backbone({"token_ids": ones, "padding_mask": ones}).shape)
        (3, 12, 16)
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
        name: str | None = None,
        trainable: bool = True,
    ) -> None:
        super().__init__(**self.arguments, layer_norm_epsilon=1e-12)
