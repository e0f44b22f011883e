"""What becomes of each character of Unicode, as a table for TensorFlow graphs."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Mapping
from typing import Any, Self

import numpy as np

_PAGE = 256
# Entries of characters that stay: alone, or between two spaces.
_ITSELF, _APART = -1, -2
_SPACE = ord(" ")


@dataclasses.dataclass(frozen=True, eq=False)
class CharacterTable:
    """Replaces characters one by one, whatever is beside them.

    Attributes:
        pages: int32 `(codes / 256,)`, where in `entries` the page of 256 characters is.
        entries: int32 `(P * 256,)`, the place in `starts` of what replaces a character;
            -1 if it stays, -2 if it stays between two spaces.
        starts: int32 `(N + 1,)`, where in `codes` a replacement begins, and the one
            before it ends.
        codes: int32 `(C,)`, code points of the replacements.
    """

    pages: np.ndarray
    entries: np.ndarray
    starts: np.ndarray
    codes: np.ndarray

    @classmethod
    def of(cls, changes: Mapping[int, str]) -> Self:
        """Makes a table of what comes in place of the characters that do not stay."""
        places = {"": 0}
        table = np.full(sys.maxunicode + 1, _ITSELF, np.int32)
        for code, text in changes.items():
            apart = text == f" {chr(code)} "
            table[code] = _APART if apart else places.setdefault(text, len(places))
        # Most of the 4352 pages are alike.
        entries: dict[bytes, int] = {}
        pages = [
            _PAGE * entries.setdefault(page.tobytes(), len(entries))
            for page in table.reshape(-1, _PAGE)
        ]
        return cls(
            np.array(pages, np.int32),
            np.frombuffer(b"".join(entries), np.int32),
            np.cumsum([0, *map(len, places)], dtype=np.int32),
            np.frombuffer("".join([*places, " "]).encode("utf-32-le"), np.int32),
        )

    def __call__(self, texts: Any) -> Any:
        """Replaces the characters of texts.

        Args:
            texts: valid UTF-8, string tensor `(N,)`.

        Returns:
            String tensor `(N,)`.
        """
        import tensorflow as tf

        # Raw operations, for a ragged tensor is made of a hundred more.
        splits, codes = tf.raw_ops.UnicodeDecode(
            input=texts, input_encoding="UTF-8", errors="strict"
        )
        page = tf.gather(self.pages, codes // _PAGE)
        entry = tf.gather(self.entries, page + codes % _PAGE)
        # As if all characters followed the replacements, each between two spaces.
        size = len(self.codes)
        replaced = tf.maximum(entry, 0)
        itself = tf.cast(entry == _ITSELF, tf.int32)
        start = tf.where(
            entry < 0, size + 3 * codes + itself, tf.gather(self.starts, replaced)
        )
        end = tf.where(
            entry < 0, start + 3 - 2 * itself, tf.gather(self.starts, replaced + 1)
        )
        new_splits, place = tf.raw_ops.RaggedRange(
            starts=start, limits=end, deltas=1, Tsplits=tf.int64
        )
        beyond = place - size
        stays = tf.where(beyond % 3 == 1, beyond // 3, _SPACE)
        codes = tf.where(
            beyond < 0, tf.gather(self.codes, tf.minimum(place, size - 1)), stays
        )
        return tf.raw_ops.UnicodeEncode(
            input_values=codes,
            input_splits=tf.gather(new_splits, splits),
            output_encoding="UTF-8",
        )
