"""Puts rows of tokens between a start and an end, and pads them."""

from __future__ import annotations

from typing import Any

from domain_core.host_call import Spec, host_call, is_symbolic, to_host
from domain_core.serialization import serializable
from domain_core.text.inputs import as_rows
from domain_core.text.packing import (
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
        self.sequence_length = positive_length(sequence_length)
        self.start_value = start_value
        self.end_value = end_value
        self.pad_value = pad_value
        self.return_padding_mask = return_padding_mask
        self.name = name or "start_end_packer"
        self._start = as_special_tokens(start_value, "start_value")
        self._end = as_special_tokens(end_value, "end_value")

    def __call__(
        self,
        inputs: Any,
        sequence_length: int | None = None,
        add_start_value: bool = True,
        add_end_value: bool = True,
    ) -> Any:
        length = choose_length(sequence_length, self.sequence_length)
        add = add_start_value, add_end_value
        if not is_symbolic(inputs):
            return self._pack(to_host(inputs), length, *add)
        shape = row_shape(inputs, length)
        out: Any = Spec(token_dtype(inputs), shape)
        if self.return_padding_mask:
            out = out, Spec("bool", shape)
        return host_call(self._pack, (inputs, length, *add), out)

    def _pack(
        self, inputs: Any, length: int, add_start_value: bool, add_end_value: bool
    ) -> Any:
        start = self._start if add_start_value else []
        end = self._end if add_end_value else []
        require_room(length, len(start) + len(end))
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
        return first_row(outputs) if single else outputs

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
