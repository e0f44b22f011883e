"""BART's tokenizer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
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
    strip_left: Sequence[str] = ("<mask>",)

    def set_vocabulary_and_merges(
        self,
        vocabulary: Mapping[str, int] | str | os.PathLike[str],
        merges: Iterable[str | Sequence[str]] | str | os.PathLike[str],
    ) -> None:
        self._ids = None  # or `special_tokens` told of those of the last one
        super().set_vocabulary_and_merges(vocabulary, merges)
        known = "<mask>" in self.special_tokens
        self.mask_token = "<mask>" if known else None
        self.mask_token_id = self.token_to_id("<mask>") if known else None

    @property
    def special_tokens(self) -> list[str]:
        return [*dict.fromkeys([*super().special_tokens, *self._known("<mask>")])]

    def tokens_in_texts(self) -> list[str]:
        return [*dict.fromkeys([*self.special_tokens, *self._known("<unk>")])]

    def _known(self, token: str) -> list[str]:
        return [token] if token in (self._ids or {}) else []
