"""Turns ids into text while they are still being generated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from domain_core.arrays.ragged import Ragged
from domain_core.text.text_inputs import as_rows

if TYPE_CHECKING:
    from domain_core.tokenizers.tokenizer import Tokenizer

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

    def __init__(
        self, tokenizer: Tokenizer, *, skip_special_tokens: bool = True
    ) -> None:
        self._tokenizer = tokenizer
        self._special = (
            frozenset(tokenizer.special_token_ids) if skip_special_tokens else ()
        )
        # Ids not settled yet, after some that are: they decide on a space before them.
        self._ids: list[int] = []
        self._settled = 0
        self._before = ""  # the text of those that are

    def push(self, ids: int | Iterable[int]) -> str:
        """Takes the next id or ids and returns the text they complete.

        Raises:
            ValueError: if one is no id of the vocabulary; then none of them is taken.
        """
        new = [i for i in _as_ids(ids) if i not in self._special]
        kept = [*self._ids, *new]
        whole = self._tokenizer.decode_unfinished(kept)
        text = str(whole[len(self._before) :])
        self._ids = kept
        if not text or text.endswith(_REPLACEMENT):
            return ""
        self._before = whole
        # What is settled stays if it is text on its own: white space may not be, where
        # that at the beginning is dropped.
        rest = kept[self._settled :]
        if before := self._tokenizer.decode_unfinished(rest):
            self._ids, self._before = rest, before
        self._settled = len(self._ids)
        return text

    def flush(self) -> str:
        """Ends the stream: returns what is left, and starts anew."""
        rows, before = Ragged.from_rows([self._ids]), self._before
        self._ids, self._settled, self._before = [], 0, ""
        return str(self._tokenizer.decode_batch(rows)[0][len(before) :])


def _as_ids(ids: Any) -> list[int]:
    is_array = hasattr(ids, "__array__") or not isinstance(ids, Iterable)
    values = np.atleast_1d(np.asarray(ids if is_array else list(ids)))
    if values.size and (values.ndim > 1 or values.dtype.kind not in "iu"):
        raise ValueError(
            f"Expected an id or a list of ids, received {ids!r:.80} of type "
            f"{type(ids).__name__}. Push what a model gives, one text at a time."
        )
    rows, _ = as_rows(values, "ids")
    return [int(i) for i in rows.values.tolist()]
