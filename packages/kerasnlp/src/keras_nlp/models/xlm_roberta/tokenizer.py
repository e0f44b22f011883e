"""XLM-RoBERTa's tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from domain_core import serializable
from domain_core.text.sentence_piece.model import Piece
from domain_core.tokenizers.sentence_piece_tokenizer import (
    IdTables,
    SentencePieceTokenizer,
)


@serializable(package="kerasnlp")
class XLMRobertaTokenizer(SentencePieceTokenizer):
    """SentencePiece with the ids of fairseq; see `SentencePieceTokenizer`.

    `<s>`, `<pad>`, `</s>` and `<unk>` are 0 to 3; every other piece comes one later
    than in the model, which has no `<pad>`; `<mask>` is the last.
    """

    named_tokens: ClassVar = {
        "start_token": "<s>",
        "pad_token": "<pad>",
        "end_token": "</s>",
        "unk_token": "<unk>",
        "mask_token": "<mask>",
    }
    appended: ClassVar[tuple[str, ...]] = ("<pad>", "<mask>")
    strip_left: ClassVar[tuple[str, ...]] = ("<mask>",)

    def id_tables(self, pieces: Sequence[Piece]) -> IdTables:
        first = ["<s>", "<pad>", "</s>", "<unk>"]
        texts = [piece.text for piece in pieces]
        rest = [i for i, text in enumerate(texts) if text not in (*first, "<mask>")]
        places = [*map(texts.index, first), *rest, texts.index("<mask>")]
        ids = np.zeros(len(pieces), np.int32)
        ids[places] = np.arange(len(places))
        return IdTables(ids, np.array(places, np.int32))
