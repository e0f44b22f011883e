"""What becomes of each character of Unicode, as a table for TensorFlow graphs."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

_PAGE = 256
# Entries that stand for no text of `texts`.
_ITSELF, _APART = -1, -2


@dataclasses.dataclass(frozen=True, eq=False)
class CharacterTable:
    """Replaces characters one by one, whatever is beside them.

    Attributes:
        pages: int32 `(codes / 256,)`, the row of `entries` for each 256 characters.
        entries: int32 `(P, 256)`, a place in `texts` for each character; -1 if it
            stays, -2 if it stays between two spaces.
        texts: string array `(N,)`, what comes in place of characters.
    """

    pages: np.ndarray
    entries: np.ndarray
    texts: np.ndarray

    @classmethod
    def of(cls, changes: Mapping[int, str]) -> Self:
        """Makes a table of what comes in place of the characters that do not stay."""
        texts = {"": 0}
        table = np.full(sys.maxunicode + 1, _ITSELF, np.int32)
        for code, text in changes.items():
            apart = text == f" {chr(code)} "
            table[code] = _APART if apart else texts.setdefault(text, len(texts))
        # Most of the 4352 pages are alike.
        entries: dict[bytes, int] = {}
        pages = [
            entries.setdefault(page.tobytes(), len(entries))
            for page in table.reshape(-1, _PAGE)
        ]
        rows = np.frombuffer(b"".join(entries), np.int32).reshape(-1, _PAGE)
        strings = np.array([text.encode() for text in texts], object)
        return cls(np.array(pages, np.int32), rows, strings)

    def __call__(self, texts: Any) -> Any:
        """Replaces the characters of texts.

        Args:
            texts: valid UTF-8, string tensor `(N,)`.

        Returns:
            String tensor `(N,)`.
        """
        import tensorflow as tf

        characters = tf.strings.unicode_split(texts, "UTF-8")  # ragged (N, None)
        # One character each, so all rows are of one length.
        codes = tf.strings.unicode_decode(characters.values, "UTF-8").values
        page = tf.gather(self.pages, codes // _PAGE)
        entry = tf.gather_nd(self.entries, tf.stack([page, codes % _PAGE], 1))
        changed = tf.gather(tf.constant(self.texts), tf.maximum(entry, 0))
        changed = tf.where(entry < 0, characters.values, changed)
        space = tf.where(entry == _APART, " ", "")
        changed = tf.strings.join([space, changed, space])
        return tf.strings.reduce_join(characters.with_values(changed), axis=-1)
