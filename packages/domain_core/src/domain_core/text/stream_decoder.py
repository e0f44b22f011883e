"""Turns ids into text while they are still being generated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from domain_core.ragged import Ragged

# What decoders write for bytes that are no character, or not yet.
_REPLACEMENT = "\ufffd"


class StreamDecoder:
    """Gives text as ids come in; text once given is final.

    A character whose bytes are spread over several tokens comes with the last of them.
    All that `push` and `flush` gave, joined, is what `decode` gives for all ids.

    Args:
        tokenizer: a `Tokenizer`.
        skip_special_tokens: leave out tokens that stand for no text.
    """

    def __init__(self, tokenizer: Any, *, skip_special_tokens: bool = True) -> None:
        self._tokenizer = tokenizer
        self._special = (
            frozenset(tokenizer.special_token_ids) if skip_special_tokens else ()
        )
        # Ids not settled yet, after some that are: they decide on a space before them.
        self._ids: list[int] = []
        self._settled = 0

    def push(self, ids: int | Iterable[int]) -> str:
        """Takes the next id or ids and returns the text they complete."""
        new = np.atleast_1d(np.asarray(ids)).tolist()
        self._ids += [i for i in new if i not in self._special]
        return self._take(final=False)

    def flush(self) -> str:
        """Ends the stream: returns what is left, and starts anew."""
        text = self._take(final=True)
        self._ids, self._settled = [], 0
        return text

    def _take(self, final: bool) -> str:
        before = self._decode(self._ids[: self._settled])
        text = self._decode(self._ids)[len(before) :]
        if not text or (text.endswith(_REPLACEMENT) and not final):
            return ""
        self._ids = self._ids[self._settled :]
        self._settled = len(self._ids)
        return text

    def _decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode_batch(Ragged.from_rows([ids]))[0])
