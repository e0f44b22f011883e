"""BART's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from domain_core import serializable
from domain_core.tokenizers.byte_pair_tokenizer import BytePairTokenizer


@serializable(package="kerasnlp")
class BartTokenizer(BytePairTokenizer):
    """GPT-2's byte pairs with BERT's special tokens; see `BytePairTokenizer`.

    The vocabulary must hold `<s>`, `</s>` and `<pad>`; `<mask>`, which hides what is to
    be filled in, is not in that of every model. Special tokens in a text mean
    themselves, as published models expect it; choose `special_tokens="text"` for texts
    of strangers.
    """

    named_tokens: ClassVar = {
        "start_token": "<s>",
        "end_token": "</s>",
        "pad_token": "<pad>",
    }
    decoder_start_tokens: ClassVar[tuple[str, ...]] = ("</s>", "<s>")
    optional_tokens: ClassVar[tuple[str, ...]] = ("<mask>",)
    strip_left: Sequence[str] = ("<mask>",)

    def tokens_in_texts(self) -> list[str]:
        known = self._ids or {}
        return [*self.special_tokens, *(t for t in ("<unk>",) if t in known)]

    def _set_special_token_ids(self) -> None:
        super()._set_special_token_ids()
        has_mask = "<mask>" in self.special_tokens
        self.mask_token = "<mask>" if has_mask else None
        self.mask_token_id = self.token_to_id("<mask>") if has_mask else None
