"""WordPiece as BERT and the models after it use it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, ClassVar

from domain_core.text.word_piece.bert_engine import BertWordPieceEngine
from domain_core.text.word_piece.engine import WordPieceEngine
from domain_core.tokenizers.word_piece_tokenizer import WordPieceTokenizer


class BertWordPieceTokenizer(WordPieceTokenizer):
    """WordPiece with the normalization and the special tokens BERT was trained with.

    It gives the ids of Hugging Face's BERT tokenizer, and differs in the corners of
    Unicode from a plain `WordPieceTokenizer`: control characters vanish instead of
    ending a word, all kinds of white space end one, and case is mapped by Unicode's
    simple rule.

    Args:
        vocabulary: list of unique tokens, whose places are their ids, or path of a file
            with one token per line. It must hold `[UNK]`, `[CLS]`, `[SEP]`, `[PAD]` and
            `[MASK]`.
        lowercase: map to lower case; True for the "uncased" models.
        special_tokens_in_strings: whether a special token in a text means itself; see
            `WordPieceTokenizer`.
        strip_accents: drop accents; None does what `lowercase` does, as BERT did.
        **kwargs: further arguments of `WordPieceTokenizer`.

    Raises:
        ValueError: if the vocabulary cannot be read, has a token twice, or lacks a
            special token.
    """

    named_tokens: ClassVar = {
        "cls_token": "[CLS]",
        "sep_token": "[SEP]",
        "pad_token": "[PAD]",
        "mask_token": "[MASK]",
        "start_token": "[CLS]",
        "end_token": "[SEP]",
    }
    engine_cls: ClassVar[type[WordPieceEngine]] = BertWordPieceEngine

    def __init__(
        self,
        vocabulary: Iterable[str] | str | os.PathLike[str] | None = None,
        lowercase: bool = False,
        special_tokens_in_strings: bool | str = False,
        *,
        strip_accents: bool | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**self.arguments)

    def tokens_in_texts(self) -> list[str]:
        return [*self.special_tokens, self.oov_token]
