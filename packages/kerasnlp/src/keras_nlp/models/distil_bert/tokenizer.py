"""DistilBERT's tokenizer, which is BERT's."""

from __future__ import annotations

from domain_core import serializable
from domain_core.tokenizers.bert_word_piece_tokenizer import BertWordPieceTokenizer


@serializable(package="kerasnlp")
class DistilBertTokenizer(BertWordPieceTokenizer):
    """Text to DistilBERT's ids; see `BertWordPieceTokenizer`.

    Args:
        vocabulary: list of unique tokens, or path of a file with one token per line; it
            must hold `[UNK]`, `[CLS]`, `[SEP]`, `[PAD]` and `[MASK]`.
        lowercase: map to lower case; True for the "uncased" models.
        special_tokens_in_strings: whether a special token in a text means itself.
        strip_accents: drop accents; None does what `lowercase` does, as BERT did.
        **kwargs: further arguments of `WordPieceTokenizer`.
    """
