"""Put rows of tokens between special tokens and pad them to one length."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.serialization import serializable
from domain_core.text.host_call import Spec, host_call, is_symbolic, rank, to_host
from domain_core.text.inputs import as_rows
from domain_core.text.ragged import Ragged

# One token, several, or none.
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


@serializable(package="domain_core")
class StartEndPacker:
    """Adds start and end tokens to rows, cuts and pads them to one length.

    Call arguments:
        inputs: tokens `(T,)` or `(B, T)`: int ids or strings, as nested lists, NumPy
            arrays, tensors; rows may differ in length.
        sequence_length: overrides the constructor's.
        add_start_value: False leaves the start out.
        add_end_value: False leaves the end out.

    Returns:
        Array `(sequence_length,)` or `(B, sequence_length)`; with
        `return_padding_mask` a tuple of it and a mask, False in padding.

    Args:
        sequence_length: length of the outputs.
        start_value: token or tokens to begin with.
        end_value: token or tokens to end with.
        pad_value: token to pad with; None for 0 or "".
        return_padding_mask: also return a mask.
        name: name of the packer.

    Raises:
        ValueError: if a value is no token, or there is no room for start and end.

    Example:
        >>> import domain_core.text
        >>> packer = domain_core.text.StartEndPacker(6, start_value=1, end_value=2)
        >>> packer([[5, 6, 7], [5, 6, 7, 8, 9, 10]])
        array([[1, 5, 6, 7, 2, 0],
               [1, 5, 6, 7, 8, 2]], dtype=int32)
    """

    def __init__(
        self,
        sequence_length: int,
        start_value: Value = None,
        end_value: Value = None,
        pad_value: int | str | None = None,
        return_padding_mask: bool = False,
        name: str | None = None,
    ) -> None:
        self.sequence_length = _positive(sequence_length)
        self.start_value = start_value
        self.end_value = end_value
        self.pad_value = pad_value
        self.return_padding_mask = return_padding_mask
        self.name = name or "start_end_packer"
        self._start = _tokens(start_value, "start_value")
        self._end = _tokens(end_value, "end_value")

    def __call__(
        self,
        inputs: Any,
        sequence_length: int | None = None,
        add_start_value: bool = True,
        add_end_value: bool = True,
    ) -> Any:
        length = _length(sequence_length, self.sequence_length)
        add = add_start_value, add_end_value
        if not is_symbolic(inputs):
            return self._pack(to_host(inputs), length, *add)
        shape = _shape(inputs, length)
        out: Any = Spec(_token_dtype(inputs), shape)
        if self.return_padding_mask:
            out = out, Spec("bool", shape)
        return host_call(self._pack, (inputs, length, *add), out)

    def _pack(
        self, inputs: Any, length: int, add_start_value: bool, add_end_value: bool
    ) -> Any:
        start = self._start if add_start_value else []
        end = self._end if add_end_value else []
        _require_room(length, len(start) + len(end))
        rows, single = as_rows(inputs)
        packed = pack(
            [rows.cut(length - len(start) - len(end))],
            length,
            start=start,
            end=end,
            pad_value=self.pad_value,
        )
        outputs: Any = packed.token_ids
        if self.return_padding_mask:
            outputs = packed.token_ids, packed.padding_mask
        return _first(outputs) if single else outputs

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "sequence_length": self.sequence_length,
            "start_value": self.start_value,
            "end_value": self.end_value,
            "pad_value": self.pad_value,
            "return_padding_mask": self.return_padding_mask,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> StartEndPacker:
        return cls(**config)


@serializable(package="domain_core")
class MultiSegmentPacker:
    """Joins segments: start, first segment, separator, second, ..., end, padding.

    A separator belongs to the segment before it. What does not fit is cut from the ends
    of the segments.

    Call arguments:
        inputs: a tuple of segments, each `(T,)` or `(B, T)` as in `StartEndPacker`; or
            one segment.
        sequence_length: overrides the constructor's.
        add_start_value: False leaves the start out.
        add_end_value: False leaves the end out.

    Returns:
        Tokens and segment ids, `(sequence_length,)` or `(B, sequence_length)` each.

    Args:
        sequence_length: length of the outputs.
        start_value: token or tokens to begin with.
        end_value: token or tokens to end with.
        sep_value: token or tokens between segments; None for `end_value`.
        pad_value: token to pad with; None for 0 or "".
        truncate: "round_robin" gives the segments room in turn, a token each, until
            nothing is left; "waterfall" serves the first segment first.
        name: name of the packer.

    Raises:
        ValueError: if a value is no token, segments do not match, or there is no room
            for the special tokens.

    Example:
        >>> import domain_core.text
        >>> packer = domain_core.text.MultiSegmentPacker(8, start_value=1, end_value=2)
        >>> packer(([5, 6, 7, 8], [9, 10, 11]))
        (array([ 1,  5,  6,  7,  2,  9, 10,  2], dtype=int32),
         array([0, 0, 0, 0, 0, 1, 1, 1], dtype=int32))
    """

    def __init__(
        self,
        sequence_length: int,
        start_value: Value,
        end_value: Value,
        sep_value: Value = None,
        pad_value: int | str | None = None,
        truncate: str = "round_robin",
        name: str | None = None,
    ) -> None:
        if truncate not in _TRIMMERS:
            raise ValueError(
                f"Expected `truncate` to be one of {sorted(_TRIMMERS)}, received "
                f"{truncate!r}."
            )
        self.sequence_length = _positive(sequence_length)
        self.start_value = start_value
        self.end_value = end_value
        self.sep_value = sep_value
        self.pad_value = pad_value
        self.truncate = truncate
        self.name = name or "multi_segment_packer"
        self._start = _tokens(start_value, "start_value")
        self._end = _tokens(end_value, "end_value")
        self._separator = _tokens(
            end_value if sep_value is None else sep_value, "sep_value"
        )

    def __call__(
        self,
        inputs: Any,
        sequence_length: int | None = None,
        add_start_value: bool = True,
        add_end_value: bool = True,
    ) -> Any:
        length = _length(sequence_length, self.sequence_length)
        segments = inputs if isinstance(inputs, tuple) else (inputs,)
        add = add_start_value, add_end_value
        if not is_symbolic(segments):
            return self._pack(to_host(segments), length, *add)
        shape = _shape(segments[0], length)
        out = Spec(_token_dtype(segments[0]), shape), Spec("int32", shape)
        return host_call(self._pack, (segments, length, *add), out)

    def _pack(self, inputs: tuple[Any, ...], *options: Any) -> Any:
        segments, single = _as_segments(inputs)
        packed = self.pack(segments, *options)
        outputs = packed.token_ids, packed.segment_ids
        return _first(outputs) if single else outputs

    def pack(
        self,
        segments: Sequence[Ragged],
        sequence_length: int | None = None,
        add_start_value: bool = True,
        add_end_value: bool = True,
    ) -> Packed:
        """Does what calling does, for ragged segments of one batch."""
        length = _length(sequence_length, self.sequence_length)
        start = self._start if add_start_value else []
        end = self._end if add_end_value else []
        special = len(start) + len(end) + (len(segments) - 1) * len(self._separator)
        _require_room(length, special)
        lengths = np.stack([segment.lengths for segment in segments])  # (S, B)
        kept = _TRIMMERS[self.truncate](lengths, length - special)
        return pack(
            [segment.cut(n) for segment, n in zip(segments, kept, strict=True)],
            length,
            start=start,
            end=end,
            separator=self._separator,
            pad_value=self.pad_value,
        )

    @property
    def num_end_tokens(self) -> int:
        """Number of tokens after the last segment."""
        return len(self._end)

    def num_special_tokens(self, num_segments: int) -> int:
        """Returns how many tokens a row has besides those of its segments."""
        separators = (num_segments - 1) * len(self._separator)
        return len(self._start) + separators + len(self._end)

    def get_config(self) -> dict[str, Any]:
        """Returns the constructor's arguments."""
        return {
            "sequence_length": self.sequence_length,
            "start_value": self.start_value,
            "end_value": self.end_value,
            "sep_value": self.sep_value,
            "pad_value": self.pad_value,
            "truncate": self.truncate,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> MultiSegmentPacker:
        return cls(**config)


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


def _round_robin(lengths: np.ndarray, room: int) -> np.ndarray:
    """Deals tokens in turn; returns how many each segment keeps, `(S, B)`."""
    ordered = np.sort(lengths, axis=0)
    shorter = np.cumsum(ordered, axis=0) - ordered
    sharing = np.arange(len(lengths), 0, -1)[:, None]
    # The number of full rounds: the k shortest are used up, the others share the rest.
    rounds = ((room - shorter) // sharing).max(axis=0)
    kept = np.minimum(lengths, rounds)
    unfinished = lengths > rounds
    turn = np.cumsum(unfinished, axis=0)
    return kept + (unfinished & (turn <= room - kept.sum(axis=0)))


def _waterfall(lengths: np.ndarray, room: int) -> np.ndarray:
    before = np.cumsum(lengths, axis=0) - lengths
    return np.clip(room - before, 0, lengths)


_TRIMMERS = {"round_robin": _round_robin, "waterfall": _waterfall}


def _tokens(value: Any, name: str) -> list[Any]:
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


def _positive(length: Any) -> int:
    if (
        not isinstance(length, int | np.integer)
        or isinstance(length, bool)
        or length < 1
    ):
        raise ValueError(
            f"Expected `sequence_length` to be a positive integer, received {length!r}."
        )
    return int(length)


def _length(override: Any, default: int) -> int:
    return default if override is None else _positive(override)


def _require_room(length: int, special: int) -> None:
    if length < special:
        raise ValueError(
            f"Expected a `sequence_length` of at least {special}, the number of start, "
            f"separator and end tokens; received {length}."
        )


def _as_segments(inputs: tuple[Any, ...]) -> tuple[list[Ragged], bool]:
    if not inputs:
        raise ValueError("Expected at least one segment, received an empty tuple.")
    read = [as_rows(segment, f"inputs[{i}]") for i, segment in enumerate(inputs)]
    sizes = {("one row" if single else f"{len(rows)} rows") for rows, single in read}
    if len(sizes) > 1:
        raise ValueError(
            "Expected segments with the same number of rows, received "
            f"{', '.join(sorted(sizes))}. A tuple holds segments, a list rows."
        )
    return [rows for rows, _ in read], read[0][1]


def _first(outputs: Any) -> Any:
    if isinstance(outputs, tuple):
        return tuple(output[0] for output in outputs)
    return outputs[0]


def _shape(tensor: Any, length: int) -> tuple[int | None, ...]:
    return (length,) if rank(tensor, "inputs") == 1 else (tensor.shape[0], length)


def _token_dtype(tensor: Any) -> str:
    return "string" if tensor.dtype.name == "string" else "int32"
