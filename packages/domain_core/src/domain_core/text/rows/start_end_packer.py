"""Puts rows of tokens between a start and an end, and pads them."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import check_choices
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from domain_core.text.rows.packed_rows import SIDES, Packed, PadTo, Value
from domain_core.text.rows.packer import Packer


@serializable(package="domain_core")
class StartEndPacker(Packer):
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
        truncate: the end of a longer row that is cut, "right" or "left".
        padding_side: the end of a row that is padded, "right" or "left".
        pad_to: what a batch of shorter rows is padded to: None for `sequence_length`;
            "longest" for its longest row; or lengths in ascending order, of which the
            first that holds its longest row is taken, else `sequence_length`.
        graph: inside `tf.data` and other graphs, use TensorFlow operations only.
            Otherwise, and always on data that is at hand, NumPy does the same.
        **kwargs: `dtype`, an integer type for token ids in place of int32, and
            `trainable`, which means nothing here; as of upstream's layer.

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
        *,
        truncate: str = "right",
        padding_side: str = "right",
        pad_to: PadTo = None,
        graph: bool = False,
        **kwargs: Any,
    ) -> None:
        check_choices(truncate=(truncate, SIDES))
        super().__init__(
            sequence_length,
            start_value,
            end_value,
            pad_value,
            name,
            separator=(),
            truncate_side=truncate,
            padding_side=padding_side,
            pad_to=pad_to,
            graph=graph,
            **kwargs,
        )
        self.return_padding_mask = return_padding_mask
        self.truncate = truncate

    def keep(self, lengths: Any, room: int, engine: Operations) -> Any:
        return engine.minimum(lengths, room)

    def outputs(self, packed: Packed) -> Any:
        if self.return_padding_mask:
            return packed.token_ids, packed.padding_mask
        return packed.token_ids
