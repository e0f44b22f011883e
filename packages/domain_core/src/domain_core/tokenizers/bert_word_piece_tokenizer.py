"""WordPiece as BERT and the models after it use it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from domain_core.text.word_piece.bert_engine import BertWordPieceEngine
from domain_core.text.word_piece.engine import WordPieceEngine
from domain_core.tokenizers.tokenizer import as_tokens
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
        added_tokens: further tokens to keep whole wherever they occur in a text; those
            that the vocabulary lacks get the next ids. There is no `graph` form of
            them.
        normalized_tokens: those of them, and of special tokens, that are found in text
            as it is normalized; the others only as they are written.
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
        added_tokens: Sequence[str] = (),
        normalized_tokens: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        self.added_tokens = as_tokens("added_tokens", added_tokens)
        self.normalized_tokens = as_tokens("normalized_tokens", normalized_tokens)
        more = ("added_tokens", "normalized_tokens")
        super().__init__(**{k: v for k, v in self.arguments.items() if k not in more})

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        for name in ("added_tokens", "normalized_tokens"):
            if not config[name]:
                del config[name]
        return config

    def tokens_in_texts(self) -> list[str]:
        return [*self.special_tokens, self.oov_token]
