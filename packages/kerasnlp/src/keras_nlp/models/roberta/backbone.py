"""RoBERTa, a BERT that was trained longer, on more, and on masked tokens alone.

Paper: Liu et al., "RoBERTa: A Robustly Optimized BERT Pretraining Approach", 2019,
https://arxiv.org/abs/1907.11692.
Original code: https://github.com/facebookresearch/fairseq (examples/roberta).
Unusual: BERT without segments and pooler, byte-pair encoded text, a double separator.
"""

from __future__ import annotations

from keras_nlp.models.roberta_encoder import RobertaEncoder


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
