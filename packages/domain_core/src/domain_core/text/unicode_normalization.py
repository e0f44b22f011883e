"""Unicode normalization in a time that is linear in the text."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from typing import Any, cast

# Marks on one letter. Beyond that many, putting them in order costs their square.
_MANY = 256


def normalize(form: str, text: str) -> str:
    """Does what `unicodedata.normalize` does, which takes hours for 10 MB of marks.

    Args:
        form: "NFC", "NFD", "NFKC" or "NFKD".
        text: any text.
    """
    if len(text) > _MANY and not text.isascii():
        decomposed = "NFKD" if "K" in form else "NFD"
        marks, run = _marks(decomposed)
        # No run of them fits between two such places.
        seen = map(marks.__contains__, text[:: _MANY // 2])
        if any(first and second for first, second in itertools.pairwise(seen)):
            order = functools.partial(_in_order, decomposed)
            text = run.sub(order, text)
    return unicodedata.normalize(cast(Any, form), text)


def _in_order(form: str, run: re.Match[str]) -> str:
    """Sorts a run of marks, which changes no normal form of the text."""
    parts = (unicodedata.normalize(cast(Any, form), mark) for mark in run.group())
    return "".join(sorted("".join(parts), key=unicodedata.combining))


@functools.cache
def _marks(form: str) -> tuple[frozenset[str], re.Pattern[str]]:
    """Returns all characters that are nothing but marks, and a pattern of many."""
    # Beyond these planes, Unicode has none. Surrogates are no characters.
    codes = itertools.chain(range(0xD800), range(0xE000, 0x20000))
    marks = [
        character
        for character in map(chr, codes)
        if all(
            map(
                unicodedata.combining,
                unicodedata.normalize(cast(Any, form), character),
            )
        )
    ]
    inside = "".join(map(re.escape, marks))
    return frozenset(marks), re.compile(f"[{inside}]{{{_MANY},}}")
