"""Joins several segments into one row, and pads it."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import check_choices
from domain_core.arrays.operations import NUMPY, Operations
from domain_core.serialization import serializable
from domain_core.text.rows.packed_rows import Packed, PadTo, Value, as_special_tokens
from domain_core.text.rows.packer import Packer


@serializable(package="domain_core")
class MultiSegmentPacker(Packer):
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
        padding_side: as in `StartEndPacker`, and so are `pad_to` and `graph`.
        pad_to: see there.
        graph: see there.
        **kwargs: `dtype` and `trainable`, see there.

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
        *,
        padding_side: str = "right",
        pad_to: PadTo = None,
        graph: bool = False,
        **kwargs: Any,
    ) -> None:
        check_choices(truncate=(truncate, _TRIMMERS))
        separator = end_value if sep_value is None else sep_value
        super().__init__(
            sequence_length,
            start_value,
            end_value,
            pad_value,
            name,
            separator=as_special_tokens(separator, "sep_value"),
            truncate_side="right",
            padding_side=padding_side,
            pad_to=pad_to,
            graph=graph,
            **kwargs,
        )
        self.sep_value = sep_value
        self.truncate = truncate

    def segments(self, inputs: Any) -> tuple[Any, ...]:
        segments = inputs if isinstance(inputs, tuple) else (inputs,)
        if not segments:
            raise ValueError("Expected at least one segment, received an empty tuple.")
        return segments

    def keep(self, lengths: Any, room: int, engine: Operations) -> Any:
        return _TRIMMERS[self.truncate](lengths, room, engine)

    def outputs(self, packed: Packed) -> Any:
        return packed.token_ids, packed.segment_ids


def _round_robin(lengths: Any, room: int, engine: Operations = NUMPY) -> Any:
    """Deals tokens in turn; returns how many each segment keeps, `(S, B)`."""
    ordered = engine.sort(lengths, axis=0)
    shorter = engine.cumsum(ordered, axis=0) - ordered
    sharing = engine.arange(lengths.shape[0], 0, -1, dtype="int64")[:, None]
    # The number of full rounds: the k shortest are used up, the others share the rest.
    rounds = engine.max((room - shorter) // sharing, axis=0, initial=0)
    kept = engine.minimum(lengths, rounds)
    unfinished = lengths > rounds
    turn = engine.cumsum(engine.cast(unfinished, "int64"), axis=0)
    extra = unfinished & (turn <= room - engine.sum(kept, axis=0))
    return kept + engine.cast(extra, "int64")


def _waterfall(lengths: Any, room: int, engine: Operations = NUMPY) -> Any:
    before = engine.cumsum(lengths, axis=0) - lengths
    return engine.minimum(engine.maximum(room - before, 0), lengths)


_TRIMMERS = {"round_robin": _round_robin, "waterfall": _waterfall}
