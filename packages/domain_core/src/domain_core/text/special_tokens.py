"""What special tokens mean where they stand in a text.

A text from a stranger may hold "[SEP]" or "<|end|>". Whether that is the token or so
many characters is a matter of trust, so every tokenizer asks: "parse" takes it for the
token, "text" for text like any other, "error" refuses it.
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from domain_core.arrays.ragged import Ragged

POLICIES = ("parse", "text", "error")
# Of groups in a pattern; Python compiles it by recursion.
_MAX_DEPTH = 40

# Unicode's white space, as the inside of a character class of any engine.
WHITE_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_BLANKS = re.compile(rf"\A[{WHITE_SPACE}]+")


def as_policy(value: Any, name: str = "special_tokens") -> str:
    """Returns one of `POLICIES`; upstream's True and False are the first two.

    Raises:
        ValueError: if `value` is something else.
    """
    if isinstance(value, bool):
        return "parse" if value else "text"
    if value not in POLICIES:
        raise ValueError(
            f"Expected `{name}` to be one of {POLICIES}, received {value!r}. 'parse' "
            "takes special tokens in texts for the tokens themselves, 'text' for text."
        )
    return str(value)


def token_pattern(
    tokens: Collection[str], strip_left: Collection[str] = ()
) -> re.Pattern[str] | None:
    """Returns a pattern whose group 1 is a token, the longest that fits; or None.

    Args:
        tokens: what to find.
        strip_left: those of them that swallow the white space before them.
    """
    if not tokens:
        return None
    eager = [token for token in tokens if token in strip_left]
    any_token = _any_of(tokens)
    if not eager:
        return re.compile(f"({any_token})")
    # Only where the white space begins, or long runs of it would cost their square.
    before = f"(?<![{WHITE_SPACE}])[{WHITE_SPACE}]+"
    return re.compile(f"({before}(?:{_any_of(eager)})|{any_token})")


def _any_of(tokens: Collection[str], depth: int = 0) -> str:
    """Returns a pattern of the longest token that fits.

    What tokens have in common at their beginning is looked at once: thousands of
    tokens cost no more than a few.
    """
    rest = sorted(tokens, key=lambda token: (-len(token), token))
    if len(rest) == 1 or depth > _MAX_DEPTH:
        return "|".join(map(re.escape, rest))
    branches: dict[str, list[str]] = {}
    for token in rest:
        branches.setdefault(token[:1], []).append(token)
    parts = []
    for first, branch in branches.items():
        if not first:
            continue
        common = os.path.commonprefix(branch)
        inner = _any_of([t.removeprefix(common) for t in branch], depth + 1)
        parts.append(re.escape(common) + (f"(?:{inner})" if inner else ""))
    return "|".join(parts) if "" not in branches else f"(?:{'|'.join(parts)})?"


def forbid_tokens(texts: Sequence[str], pattern: re.Pattern[str] | None) -> None:
    """Raises ValueError if a text holds a special token; the message says where."""
    if pattern is None:
        return
    for index, text in enumerate(texts):
        if found := pattern.search(text):
            raise ValueError(
                f"Expected texts without special tokens, found {found.group(1)!r} in "
                f"text {index} at character {found.start(1)}. Remove it, or construct "
                "the tokenizer with `special_tokens='text'` to read it as text."
            )


@dataclasses.dataclass(frozen=True, eq=False)
class TextPieces:
    """Texts cut at the tokens in them; what lies between is left to an engine.

    Attributes:
        texts: the stretches between tokens, none of them empty.
        is_text: bool `(P,)`, whether a piece is such a stretch or a token.
        ids: int32 `(P,)`, ids of the tokens, 0 for stretches.
        owners: int64 `(P,)`, the text that each piece is of.
        starts: int64 `(P,)`, first character of each piece.
        ends: int64 `(P,)`, character after its last.
        count: number of texts.
    """

    texts: list[str]
    is_text: np.ndarray
    ids: np.ndarray
    owners: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    count: int

    @classmethod
    def cut(
        cls,
        texts: Sequence[str],
        pattern: re.Pattern[str],
        ids: Mapping[str, int],
        strip_right: Collection[str] = (),
    ) -> TextPieces:
        """Cuts texts at the matches of a pattern of `token_pattern`.

        Args:
            texts: what to cut.
            pattern: finds tokens.
            ids: of the tokens.
            strip_right: those that swallow the white space after them.
        """
        stretches: list[str] = []
        rows: list[tuple[bool, int, int, int, int]] = []
        for owner, text in enumerate(texts):
            place, swallows = 0, False
            for part, token in _alternating(pattern.split(text)):
                if swallows and not token:
                    blanks = len(part) - len(_BLANKS.sub("", part))
                    rows[-1] = (*rows[-1][:4], place + blanks)
                    part, place = part[blanks:], place + blanks
                end = place + len(part)
                if token:
                    key = part if part in ids else part.lstrip()
                    swallows = key in strip_right
                    rows.append((False, ids[key], owner, place, end))
                elif part:
                    stretches.append(part)
                    rows.append((True, 0, owner, place, end))
                place = end
        table = np.array(rows, np.int64).reshape(-1, 5).T
        is_text, token_ids, owners, starts, ends = table
        return cls(
            stretches,
            is_text.astype(bool),
            token_ids.astype(np.int32),
            owners,
            starts,
            ends,
            len(texts),
        )

    def join(self, encoded: Ragged) -> Ragged:
        """Returns the ids of each text, given those of the stretches."""
        return self._merged(encoded, self.ids[~self.is_text])

    def join_offsets(self, offsets: Ragged) -> Ragged:
        """Returns `(start, end)` for each id, given those within the stretches."""
        shift = np.repeat(self.starts[self.is_text], offsets.lengths)
        shifted = (offsets.values + shift[:, None]).astype(np.int32)
        spans = np.stack([self.starts, self.ends], 1)[~self.is_text]
        return self._merged(
            Ragged(shifted, offsets.lengths), spans.astype(shifted.dtype)
        )

    def _merged(self, encoded: Ragged, tokens: np.ndarray) -> Ragged:
        lengths = np.ones(len(self.is_text), np.int64)
        lengths[self.is_text] = encoded.lengths
        from_text = np.repeat(self.is_text, lengths)
        values = np.empty((len(from_text), *tokens.shape[1:]), tokens.dtype)
        values[from_text] = encoded.values
        values[~from_text] = tokens
        totals = np.bincount(self.owners, weights=lengths, minlength=self.count)
        return Ragged(values, totals.astype(np.int64))


def _alternating(parts: list[str]) -> list[tuple[str, bool]]:
    """Marks what `re.split` gives for a pattern with one group."""
    return [(part, bool(place % 2)) for place, part in enumerate(parts)]
