"""Rows of one length that segments of tokens are written to, NumPy's or a graph's."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.arguments import is_positive_int
from domain_core.arrays.operations import NUMPY, Operations
from domain_core.arrays.ragged import Ragged

Value = int | str | Sequence[int] | Sequence[str] | None
PadTo = str | Sequence[int] | None

SIDES = ("right", "left")


@dataclasses.dataclass(frozen=True)
class Packed:
    """Rows of one length; arrays, or tensors of a graph.

    Attributes:
        token_ids: `(B, T)`, int32 or object.
        segment_ids: int32 `(B, T)`, the segment each token belongs to, 0 in padding.
        padding_mask: bool `(B, T)`, False in padding.
        ends: int64 `(B,)`, the column after the last token.
    """

    token_ids: np.ndarray
    segment_ids: np.ndarray
    padding_mask: np.ndarray
    ends: np.ndarray


class Page:
    """Rows that are written from left to right.

    Args:
        engine: of the arrays.
        used: int64 `(B,)`, how many tokens each row is going to have.
        width: length of the rows.
        padding_side: the end that is padded, "right" or "left".
        text: whether tokens are strings.
        pad_value: what fills the rest; None for 0 or "".
    """

    def __init__(
        self,
        engine: Operations,
        used: Any,
        width: Any,
        *,
        padding_side: str,
        text: bool,
        pad_value: Any,
    ) -> None:
        self._engine = engine
        self._batch = engine.size(used)
        self._width = width
        self._first = (
            width - used if padding_side == "left" else engine.zeros_like(used)
        )
        self._ends = self._first + used
        self._dtype = engine.text if text else "int32"
        if pad_value is None:
            pad_value = "" if text else 0
        self._tokens = engine.full(self._batch * width, pad_value, self._dtype)
        self._segments = engine.full(self._batch * width, 0, "int32")
        # Where the next token of each row goes, in the flat array.
        self._next = engine.arange(self._batch, dtype="int64") * width + self._first

    def write(self, rows: Ragged, segment: int) -> None:
        """Goes on with each row's tokens."""
        self._put(self._engine.runs(self._next, rows.lengths), rows.values, segment)
        self._next = self._next + rows.lengths

    def write_same(self, tokens: Sequence[Any], segment: int) -> None:
        """Goes on with the same tokens in each row."""
        for token in tokens:
            same = self._engine.full(self._batch, token, self._dtype)
            self._put(self._next, same, segment)
            self._next = self._next + 1

    def packed(self) -> Packed:
        """Returns what was written."""
        shape = self._batch, self._width
        column = self._engine.arange(self._width, dtype="int64")
        begun, open_ = self._first[:, None] <= column, column < self._ends[:, None]
        return Packed(
            self._engine.reshape(self._tokens, shape),
            self._engine.reshape(self._segments, shape),
            begun & open_,
            self._ends,
        )

    def _put(self, places: Any, tokens: Any, segment: int) -> None:
        self._tokens = self._engine.put(self._tokens, places, tokens)
        if segment:
            self._segments = self._engine.put(self._segments, places, segment)


def padded_width(
    longest: Any, length: int, pad_to: PadTo, engine: Operations = NUMPY
) -> Any:
    """Returns the length that the rows of a batch are padded to.

    Args:
        longest: length of the longest row, `length` at most.
        length: the most there may be.
        pad_to: None for `length`; "longest"; or lengths in ascending order, of which
            the first that holds the longest row is taken, else `length`.
        engine: of `longest`.
    """
    if pad_to is None:
        return length
    if isinstance(pad_to, str):
        return longest
    widths = np.array([width for width in pad_to if width < length] + [length])
    return engine.take(widths, engine.sum(engine.cast(widths < longest, "int64")))


def as_pad_to(value: Any) -> PadTo:
    """Returns what `padded_width` takes, with bucket lengths as a list.

    Raises:
        ValueError: if it is neither None, "longest", nor ascending positive lengths.
    """
    if value is None or (isinstance(value, str) and value == "longest"):
        return value
    widths = list(value) if isinstance(value, list | tuple | np.ndarray) else []
    if (
        not widths
        or not all(map(is_positive_int, widths))
        or sorted(set(widths)) != widths
    ):
        raise ValueError(
            "Expected `pad_to` to be None, 'longest' or a list of positive lengths in "
            f"ascending order, received {value!r}."
        )
    return [int(width) for width in widths]


def as_special_tokens(value: Any, name: str) -> list[Any]:
    """Returns the tokens of a start, end or separator argument as a list."""
    tokens = value if isinstance(value, list | tuple) else [value]
    if value is None:
        return []
    for token in tokens:
        if not isinstance(token, int | str | np.integer):
            raise ValueError(
                f"Expected `{name}` to be a token (int or str), or a list or tuple of "
                f"tokens, received {value!r} of type {type(value).__name__}."
            )
    return list(tokens)


def require_room(length: int, special: int) -> None:
    """Raises ValueError if not even the special tokens fit."""
    if length < special:
        raise ValueError(
            f"Expected a `sequence_length` of at least {special}, the number of start, "
            f"separator and end tokens; received {length}."
        )
