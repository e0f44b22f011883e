"""RoBERTa, BERT trained longer, and XLM-RoBERTa, the same in a hundred languages.

Papers: Liu et al., "RoBERTa: A Robustly Optimized BERT Pretraining Approach", 2019,
https://arxiv.org/abs/1907.11692; Conneau et al., "Unsupervised Cross-lingual
Representation Learning at Scale", 2019, https://arxiv.org/abs/1911.02116.
Original code: https://github.com/facebookresearch/fairseq.
Unusual: segments are told apart by two end tokens alone; fairseq counts positions from
2, so that published tables have two rows more than positions; XLM-RoBERTa's ids are
those of fairseq, one more than its SentencePiece model gives.
"""

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


class RobertaBackbone(RobertaEncoder):
    """A RoBERTa encoder; arguments are those of `RobertaEncoder`.

    Inputs: "token_ids" and "padding_mask", int `(B, T)`. Output: `(B, T, D)`.

    Example:
        >>> backbone = keras_nlp.models.RobertaBackbone(
        ...     vocabulary_size=100, num_layers=2, num_heads=2, hidden_dim=16,
        ...     intermediate_dim=32, max_sequence_length=12,
        ... )
        >>> ones = np.ones((3, 12), "int32")
        >>> tuple(backbone({"token_ids": ones, "padding_mask": ones}).shape)
        (3, 12, 16)
    """


class XLMRobertaBackbone(RobertaEncoder):
    """An XLM-RoBERTa encoder; arguments are those of `RobertaEncoder`.

    Inputs: "token_ids" and "padding_mask", int `(B, T)`. Output: `(B, T, D)`.

    Example:
        >>> backbone = keras_nlp.models.XLMRobertaBackbone(
        ...     vocabulary_size=100, num_layers=2, num_heads=2, hidden_dim=16,
        ...     intermediate_dim=32, max_sequence_length=12,
        ... )
        >>> ones = np.ones((3, 12), "int32")
        >>> tuple(backbone({"token_ids": ones, "padding_mask": ones}).shape)
        (3, 12, 16)
    """
