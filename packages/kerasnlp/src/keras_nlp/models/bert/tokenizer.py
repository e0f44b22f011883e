"""BERT's tokenizer."""

from __future__ import annotations

from domain_core import serializable
from domain_core.tokenizers.bert_word_piece_tokenizer import BertWordPieceTokenizer


@serializable(package="kerasnlp")
class BertTokenizer(BertWordPieceTokenizer):
    """Text to BERT's ids; see `BertWordPieceTokenizer`.

    Args:
        vocabulary: list of unique tokens, or path of a file with one token per line; it
            must hold `[UNK]`, `[CLS]`, `[SEP]`, `[PAD]` and `[MASK]`.
        lowercase: map to lower case; True for the "uncased" models.
        special_tokens_in_strings: whether a special token in a text means itself.
        strip_accents: drop accents; None does what `lowercase` does, as BERT did.
        **kwargs: further arguments of `WordPieceTokenizer`.

    Example:
        >>> import keras_nlp
        >>> tokenizer = keras_nlp.models.BertTokenizer(
        ...     ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]", "the", "fox"],
        ...     lowercase=True,
        ... )
        >>> tokenizer("The fox jumped"), tokenizer.sep_token_id
        (array([5, 6, 0], dtype=int32), 2)
    """
