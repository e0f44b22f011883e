"""Joins several segments into one row, and pads it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.host_call import Spec, host_call, is_symbolic, to_host
from domain_core.ragged import Ragged
from domain_core.serialization import serializable
from domain_core.text.inputs import as_rows
from domain_core.text.packing import (
    Packed,
    Value,
    as_special_tokens,
    choose_length,
    first_row,
    pack,
    positive_length,
    require_room,
    row_shape,
    token_dtype,
)


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
        self.sequence_length = positive_length(sequence_length)
        self.start_value = start_value
        self.end_value = end_value
        self.sep_value = sep_value
        self.pad_value = pad_value
        self.truncate = truncate
        self.name = name or "multi_segment_packer"
        self._start = as_special_tokens(start_value, "start_value")
        self._end = as_special_tokens(end_value, "end_value")
        self._separator = as_special_tokens(
            end_value if sep_value is None else sep_value, "sep_value"
        )

    def __call__(
        self,
        inputs: Any,
        sequence_length: int | None = None,
        add_start_value: bool = True,
        add_end_value: bool = True,
    ) -> Any:
        length = choose_length(sequence_length, self.sequence_length)
        segments = inputs if isinstance(inputs, tuple) else (inputs,)
        add = add_start_value, add_end_value
        if not is_symbolic(segments):
            return self._pack(to_host(segments), length, *add)
        shape = row_shape(segments[0], length)
        out = Spec(token_dtype(segments[0]), shape), Spec("int32", shape)
        return host_call(self._pack, (segments, length, *add), out)

    def _pack(self, inputs: tuple[Any, ...], *options: Any) -> Any:
        segments, single = _as_segments(inputs)
        packed = self.pack(segments, *options)
        outputs = packed.token_ids, packed.segment_ids
        return first_row(outputs) if single else outputs

    def pack(
        self,
        segments: Sequence[Ragged],
        sequence_length: int | None = None,
        add_start_value: bool = True,
        add_end_value: bool = True,
    ) -> Packed:
        """Does what calling does, for ragged segments of one batch."""
        length = choose_length(sequence_length, self.sequence_length)
        start = self._start if add_start_value else []
        end = self._end if add_end_value else []
        special = len(start) + len(end) + (len(segments) - 1) * len(self._separator)
        require_room(length, special)
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
