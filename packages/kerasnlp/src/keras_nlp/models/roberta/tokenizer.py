"""RoBERTa's tokenizer."""

from __future__ import annotations

from typing import ClassVar

from domain_core import serializable
from domain_core.tokenizers.byte_pair_tokenizer import BytePairTokenizer


@serializable(package="kerasnlp")
class RobertaTokenizer(BytePairTokenizer):
    """GPT-2's byte pairs with BERT's special tokens; see `BytePairTokenizer`.

    The vocabulary must hold `<s>`, `</s>`, `<pad>` and `<mask>`. As published models
    expect it, special tokens in a text mean themselves; choose
    `special_tokens="text"` for texts of strangers.
    """

    named_tokens: ClassVar = {
        "start_token": "<s>",
        "end_token": "</s>",
        "pad_token": "<pad>",
        "mask_token": "<mask>",
    }
    strip_left: ClassVar[tuple[str, ...]] = ("<mask>",)

    def tokens_in_texts(self) -> list[str]:
        known = self._ids or {}
        return [*self.special_tokens, *(t for t in ("<unk>",) if t in known)]
