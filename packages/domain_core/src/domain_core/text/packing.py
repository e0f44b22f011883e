"""What the packers share: laying rows of tokens out in one array."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.arguments import as_positive_int
from domain_core.host_call import rank
from domain_core.ragged import Ragged

Value = int | str | Sequence[int] | Sequence[str] | None


@dataclasses.dataclass(frozen=True)
class Packed:
    """Rows of one length.

    Attributes:
        token_ids: `(B, T)`, int32 or object.
        segment_ids: int32 `(B, T)`, the segment each token belongs to, 0 in padding.
        lengths: int64 `(B,)`, tokens before the padding.
    """

    token_ids: np.ndarray
    segment_ids: np.ndarray
    lengths: np.ndarray

    @property
    def padding_mask(self) -> np.ndarray:
        """Bool `(B, T)`, False in padding."""
        return np.arange(self.token_ids.shape[1]) < self.lengths[:, None]


def pack(
    segments: Sequence[Ragged],
    length: int,
    *,
    start: Sequence[Any] = (),
    end: Sequence[Any] = (),
    separator: Sequence[Any] = (),
    pad_value: Any = None,
) -> Packed:
    """Lays segments out in rows of `length`; they must fit.

    Args:
        segments: at least one, with the same number of rows.
        length: width of the result.
        start: tokens before the first segment.
        end: tokens after the last.
        separator: tokens between two.
        pad_value: what fills the rest; None for 0 or "".
    """
    batch = len(segments[0])
    text = any(segment.values.dtype == object for segment in segments) or any(
        isinstance(token, str) for token in (*start, *end, *separator)
    )
    if pad_value is None:
        pad_value = "" if text else 0
    token_ids = np.full((batch, length), pad_value, object if text else np.int32)
    segment_ids = np.zeros((batch, length), np.int32)
    used = np.full(batch, len(start), np.int64)
    token_ids[:, : len(start)] = start
    for number, segment in enumerate(segments):
        written = segment.write(token_ids, used)
        used += segment.lengths
        closing = end if number == len(segments) - 1 else separator
        columns = used[:, None] + np.arange(len(closing))
        np.put_along_axis(token_ids, columns, np.asarray(closing, token_ids.dtype), 1)
        if number:
            segment_ids.reshape(-1)[written] = number
            np.put_along_axis(segment_ids, columns, number, 1)
        used += len(closing)
    return Packed(token_ids, segment_ids, used)


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


def positive_length(length: Any) -> int:
    """Checks a sequence length."""
    return as_positive_int("sequence_length", length)


def choose_length(override: Any, default: int) -> int:
    """Returns the length of a call: its own, or that of the constructor."""
    return default if override is None else positive_length(override)


def require_room(length: int, special: int) -> None:
    """Raises ValueError if not even the special tokens fit."""
    if length < special:
        raise ValueError(
            f"Expected a `sequence_length` of at least {special}, the number of start, "
            f"separator and end tokens; received {length}."
        )


def first_row(outputs: Any) -> Any:
    """Takes the batch axis off outputs of a single row."""
    if isinstance(outputs, tuple):
        return tuple(output[0] for output in outputs)
    return outputs[0]


def row_shape(tensor: Any, length: int) -> tuple[int | None, ...]:
    """Returns the shape of packed rows for an input of a TensorFlow graph."""
    return (length,) if rank(tensor, "inputs") == 1 else (tensor.shape[0], length)


def token_dtype(tensor: Any) -> str:
    """Returns the dtype of packed tokens for an input of a TensorFlow graph."""
    return "string" if tensor.dtype.name == "string" else "int32"
