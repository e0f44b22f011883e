"""XLM-RoBERTa, a RoBERTa of 100 languages.

Paper: Conneau et al., "Unsupervised Cross-lingual Representation Learning at Scale",
2019, https://arxiv.org/abs/1911.02116.
Original code: https://github.com/facebookresearch/fairseq (examples/xlmr).
Unusual: a SentencePiece vocabulary whose ids are not those of its model.
"""

from __future__ import annotations

from keras_nlp.models.roberta_encoder import RobertaEncoder


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
