"""Texts to ids in one array: cut, in windows or not, padded, with offsets."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from domain_core.arguments import as_positive_int
from domain_core.text.rows.context_windows import overlapping
from domain_core.text.rows.packed_rows import require_room

if TYPE_CHECKING:
    from domain_core.tokenizers.tokenizer import Tokenizer

_SIDES = ("right", "left")


class TruncationWarning(UserWarning):
    """Tokens were cut off."""


@dataclasses.dataclass(frozen=True, eq=False)
class Encoding:
    """What `Tokenizer.encode` gives: `R` rows, one per text or per window of a text.

    Attributes:
        token_ids: int32 `(R, T)`.
        padding_mask: bool `(R, T)`, False in padding.
        sample: int64 `(R,)`, the text that each row is of.
        offsets: int32 `(R, T, 2)`, the characters `text[start:end]` of each token, 0
            where a token stands for no text; None if not asked for.
    """

    token_ids: np.ndarray
    padding_mask: np.ndarray
    sample: np.ndarray
    offsets: np.ndarray | None = None


def encode(
    tokenizer: Tokenizer,
    inputs: Any,
    *,
    max_length: int | None = None,
    truncate: str = "right",
    stride: int | None = None,
    pad_to: int | Sequence[int] | None = None,
    padding_side: str = "right",
    add_special_tokens: bool = False,
    return_offsets: bool = False,
) -> Encoding:
    """Implements `Tokenizer.encode`."""
    _check_options(max_length, truncate, stride, padding_side)
    texts, _ = tokenizer.read_texts(inputs)
    ids, offsets = tokenizer.encode_batch(texts), None
    if return_offsets:
        ids, offsets = tokenizer.encode_with_offsets(texts)
    start, end = _special_ids(tokenizer) if add_special_tokens else ([], [])
    extra = len(start) + len(end)
    longest, total = int(ids.lengths.max(initial=0)), len(ids.values)
    room = longest
    if max_length is not None:
        require_room(max_length, extra)
        room = max_length - extra
    sample, first, lengths = _stretches(ids.lengths, room, truncate, stride)
    ids = ids.take(sample, first, lengths)
    if truncate != "window" and longest > room:
        _warn(int(lengths.sum()), total, longest, max_length)
    width = padded_length(int(ids.lengths.max(initial=0)) + extra, pad_to)
    pad = tokenizer.pad_token_id or 0
    token_ids = np.full((len(ids), width), pad, np.int32)
    used = ids.lengths + extra
    column = np.zeros_like(used) if padding_side == "right" else width - used
    places = np.arange(width) - column[:, None]  # (R, T), below 0 in padding
    padding_mask = (places >= 0) & (places < used[:, None])
    for offset, token in enumerate(start):
        np.put_along_axis(token_ids, (column + offset)[:, None], token, 1)
    written = ids.write(token_ids, column + len(start))
    for offset, token in enumerate(end):
        place = column + len(start) + ids.lengths + offset
        np.put_along_axis(token_ids, place[:, None], token, 1)
    dense_offsets = None
    if offsets is not None:
        dense_offsets = np.zeros((len(ids), width, 2), np.int32)
        values = offsets.take(sample, first, lengths).values
        dense_offsets.reshape(-1, 2)[written] = values
    return Encoding(token_ids, padding_mask, sample, dense_offsets)


def _check_options(
    max_length: int | None, truncate: str, stride: int | None, padding_side: str
) -> None:
    if max_length is not None:
        as_positive_int("max_length", max_length)
    if truncate not in (*_SIDES, "window"):
        raise ValueError(
            "Expected `truncate` to be 'right', 'left' or 'window', received "
            f"{truncate!r}."
        )
    if padding_side not in _SIDES:
        raise ValueError(
            f"Expected `padding_side` to be one of {_SIDES}, received {padding_side!r}."
        )
    if truncate == "window" and max_length is None:
        raise ValueError(
            "Expected `max_length`, the length of a window; received None."
        )
    if stride is not None:
        as_positive_int("stride", stride)
        if truncate != "window":
            raise ValueError(
                "Expected `stride` only with truncate='window', received "
                f"stride={stride} with truncate={truncate!r}."
            )


def _special_ids(tokenizer: Tokenizer) -> tuple[list[int], list[int]]:
    """Returns the ids to begin and to end a text with."""
    found = [
        [] if token is None else [token]
        for token in (tokenizer.start_token_id, tokenizer.end_token_id)
    ]
    if not any(found):
        raise ValueError(
            "Expected a tokenizer with a start or end token for add_special_tokens="
            f"True; {type(tokenizer).__name__} has none. Leave the argument out."
        )
    return found[0], found[1]


def _stretches(
    lengths: np.ndarray, room: int, truncate: str, stride: int | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns which stretches of the rows to keep: row, first token and length."""
    rows = np.arange(len(lengths))
    if truncate == "window":
        if room < 1:
            raise ValueError(
                "Expected `max_length` to leave room for text in a window, received "
                "one that only holds the special tokens."
            )
        return overlapping(lengths, np.full(len(lengths), room), stride or room)
    kept = np.minimum(lengths, room)
    first = lengths - kept if truncate == "left" else np.zeros_like(lengths)
    return rows, first, kept


def padded_length(longest: int, pad_to: int | Sequence[int] | None) -> int:
    """Returns the width of an array whose longest row is known.

    Raises:
        ValueError: if `pad_to` names no positive length that holds the row.
    """
    if pad_to is None:
        return longest
    widths = [pad_to] if isinstance(pad_to, int | np.integer) else list(pad_to)
    for width in widths:
        as_positive_int("pad_to", width)
        if width >= longest:
            return int(width)
    raise ValueError(
        f"Expected `pad_to` to name a length of at least {longest}, that of the "
        f"longest row; received {pad_to}. Add a greater one, or set `max_length`."
    )


def _warn(kept: int, total: int, longest: int, max_length: int | None) -> None:
    warnings.warn(
        f"{100 * (total - kept) / total:.1f}% of the tokens were cut: texts have up to "
        f"{longest} tokens, max_length={max_length}. Raise `max_length`, or keep all "
        "tokens with truncate='window'.",
        TruncationWarning,
        stacklevel=4,
    )
