"""What the packers share: from inputs in any form to rows of one length."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from domain_core.arguments import (
    as_positive_int,
    check_choices,
    default_name,
    set_layer_arguments,
)
from domain_core.arrays.host_call import Spec, host_call, is_symbolic, rank, to_host
from domain_core.arrays.operations import NUMPY, Operations, tensorflow_operations
from domain_core.arrays.ragged import Ragged
from domain_core.remembered_arguments import RemembersArguments
from domain_core.text.rows.graph_rows import as_tensor_rows
from domain_core.text.rows.packed_rows import (
    SIDES,
    Packed,
    PadTo,
    Page,
    Value,
    as_pad_to,
    as_special_tokens,
    padded_width,
    require_room,
)
from domain_core.text.text_inputs import as_rows


class Packer(RemembersArguments):
    """A packer of one or several segments, to be subclassed.

    A subclass writes `keep` and `outputs`, and `segments` if it takes several.

    Args:
        sequence_length: length of the outputs.
        start_value: token or tokens to begin with.
        end_value: token or tokens to end with.
        separator: token or tokens between segments.
        pad_value: token to pad with; None for 0 or "".
        name: name of the packer; None for that of its class.
        truncate_side: the end of a segment that is cut, "right" or "left".
        padding_side: the end of a row that is padded, "right" or "left".
        pad_to: what shorter batches are padded to; see `padded_width`.
        graph: inside `tf.data` and other graphs, use TensorFlow operations only.
            Otherwise, and always on data that is at hand, NumPy does the same.
        **kwargs: `dtype`, an integer type of the tokens where these are integers; a
            floating one, which layers have in Keras, leaves them int32. `trainable`,
            which means nothing here.
    """

    dtype: str | None = None

    def __init__(
        self,
        sequence_length: int,
        start_value: Value,
        end_value: Value,
        pad_value: int | str | None,
        name: str | None,
        *,
        separator: Sequence[Any],
        truncate_side: str,
        padding_side: str,
        pad_to: PadTo,
        graph: bool,
        **kwargs: Any,
    ) -> None:
        set_layer_arguments(self, kwargs, "trainable", "dtype")
        check_choices(padding_side=(padding_side, SIDES))
        self.sequence_length = as_positive_int("sequence_length", sequence_length)
        self.start_value = start_value
        self.end_value = end_value
        self.pad_value = pad_value
        self.name = name or default_name(self)
        self.padding_side = padding_side
        self.pad_to = as_pad_to(pad_to)
        self.graph = graph
        self._start = as_special_tokens(start_value, "start_value")
        self._end = as_special_tokens(end_value, "end_value")
        self._separator = list(separator)
        self._truncate_side = truncate_side

    def segments(self, inputs: Any) -> tuple[Any, ...]:
        """Returns the segments of what the packer was called with."""
        return (inputs,)

    def keep(self, lengths: Any, room: int, engine: Operations) -> Any:
        """Says how many tokens of each segment stay, int64 `(S, B)`.

        Args:
            lengths: int64 `(S, B)`, of the segments.
            room: the most tokens of a row that may stay.
            engine: of the arrays.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `keep`.")

    def outputs(self, packed: Packed) -> Any:
        """Returns what a call gives of packed rows, an array or a tuple of arrays."""
        raise NotImplementedError(f"{type(self).__name__} must write `outputs`.")

    def __call__(
        self,
        inputs: Any,
        sequence_length: int | None = None,
        add_start_value: bool = True,
        add_end_value: bool = True,
    ) -> Any:
        segments = self.segments(inputs)
        options = sequence_length, add_start_value, add_end_value
        if not is_symbolic(segments):
            return self._on_host(to_host(segments), *options)
        single = rank(segments[0], "inputs") == 1
        width = None
        if self.pad_to is None:
            width = sequence_length or self.sequence_length
        shape = (width,) if single else (segments[0].shape[0], width)
        if self.graph:
            return self._in_graph(segments, shape, *options)
        text = segments[0].dtype.name == "string"
        tokens: Any = Spec("string" if text else self._ids_dtype, shape)
        ids, mask, ends = (Spec(dtype, shape) for dtype in ("int32", "bool", "int64"))
        out = self.outputs(Packed(tokens, ids, mask, ends))  # type: ignore[arg-type]
        return host_call(self._on_host, (segments, *options), out)

    def pack(
        self,
        segments: Sequence[Ragged],
        sequence_length: int | None = None,
        add_start_value: bool = True,
        add_end_value: bool = True,
        *,
        engine: Operations = NUMPY,
    ) -> Packed:
        """Does what calling does, for ragged segments of one batch."""
        length = self.sequence_length
        if sequence_length is not None:
            length = as_positive_int("sequence_length", sequence_length)
        start = self._start if add_start_value else []
        end = self._end if add_end_value else []
        fixed = len(start) + len(end) + (len(segments) - 1) * len(self._separator)
        require_room(length, fixed)
        lengths = engine.stack([segment.lengths for segment in segments])  # (S, B)
        kept = self.keep(lengths, length - fixed, engine)
        used = engine.sum(kept, axis=0) + fixed
        width = padded_width(engine.max(used, initial=0), length, self.pad_to, engine)
        page = Page(
            engine,
            used,
            width,
            padding_side=self.padding_side,
            text=any(engine.is_text(segment.values) for segment in segments)
            or any(isinstance(t, str) for t in (*start, *end, *self._separator)),
            pad_value=self.pad_value,
        )
        page.write_same(start, 0)
        for number, segment in enumerate(segments):
            if number:
                page.write_same(self._separator, number - 1)
            page.write(engine.cut(segment, kept[number], self._truncate_side), number)
        page.write_same(end, len(segments) - 1)
        return page.packed()

    @property
    def num_end_tokens(self) -> int:
        """Number of tokens after the last segment."""
        return len(self._end)

    def num_special_tokens(self, num_segments: int) -> int:
        """Returns how many tokens a row has besides those of its segments."""
        separators = (num_segments - 1) * len(self._separator)
        return len(self._start) + separators + len(self._end)

    def _on_host(self, inputs: tuple[Any, ...], *options: Any) -> Any:
        names = _names(inputs)
        segments, single = _same_size(list(map(as_rows, inputs, names)))
        packed = self.pack(segments, *options)
        outputs = self.outputs(self._typed(packed, NUMPY))
        return _first_row(outputs) if single else outputs

    def _in_graph(
        self, inputs: tuple[Any, ...], shape: tuple[int | None, ...], *options: Any
    ) -> Any:
        import tensorflow as tf

        read = list(map(as_tensor_rows, inputs, _names(inputs)))
        segments, single = [rows for rows, _ in read], read[0][1]
        if any(other != single for _, other in read):
            raise ValueError(
                "Expected segments with the same number of rows, received single rows "
                "and batches. A tuple holds segments, a list rows."
            )
        engine = tensorflow_operations()
        packed = engine.run(self.pack, segments, *options, engine=engine)
        outputs = self.outputs(self._typed(packed, engine))
        outputs = _first_row(outputs) if single else outputs
        return tf.nest.map_structure(lambda x: tf.ensure_shape(x, shape), outputs)

    @property
    def _ids_dtype(self) -> str:
        name = self.dtype or ""
        return name if name.startswith(("int", "uint")) else "int32"

    def _typed(self, packed: Packed, engine: Operations) -> Packed:
        """Casts tokens that are integers to `dtype`."""
        if self._ids_dtype == "int32" or engine.is_text(packed.token_ids):
            return packed
        ids = engine.cast(packed.token_ids, self._ids_dtype)
        if engine is NUMPY and (ids != packed.token_ids).any():
            raise ValueError(
                f"Expected ids that fit the `dtype` {self.dtype!r}, received up to "
                f"{packed.token_ids.max()}. Use 'int32'."
            )
        return dataclasses.replace(packed, token_ids=ids)


def _names(segments: tuple[Any, ...]) -> list[str]:
    return [f"inputs[{i}]" for i in range(len(segments))]


def _same_size(read: list[tuple[Ragged, bool]]) -> tuple[list[Ragged], bool]:
    sizes = {("one row" if single else f"{len(rows)} rows") for rows, single in read}
    if len(sizes) > 1:
        raise ValueError(
            "Expected segments with the same number of rows, received "
            f"{', '.join(sorted(sizes))}. A tuple holds segments, a list rows."
        )
    return [rows for rows, _ in read], read[0][1]


def _first_row(outputs: Any) -> Any:
    """Takes the batch axis off outputs of a single row."""
    if isinstance(outputs, tuple):
        return tuple(output[0] for output in outputs)
    return outputs[0]
