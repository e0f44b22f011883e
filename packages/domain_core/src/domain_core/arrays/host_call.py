"""Runs NumPy code on TensorFlow tensors, inside `tf.data` and outside.

TensorFlow is imported only after an argument turned out to be one of its tensors. In
what follows a structure is a nest of tuples and dicts, as `tf.data` hands them over.
"""

from __future__ import annotations

import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from domain_core.arrays.interpreter_exit import CALLS
from domain_core.arrays.ragged import Ragged


def outside_graphs() -> contextlib.AbstractContextManager[Any]:
    """Returns a context in which TensorFlow computes at once, whatever is traced."""
    tf = sys.modules.get("tensorflow")
    return contextlib.nullcontext() if tf is None else tf.init_scope()


@dataclasses.dataclass(frozen=True)
class Spec:
    """What a host call returns in one place: an array, or ragged rows.

    Attributes:
        dtype: NumPy name of the dtype, or "string".
        shape: dimensions, None where unknown. Of ragged rows: of their values.
        ragged: whether the place holds a `Ragged`.
    """

    dtype: str
    shape: tuple[int | None, ...]
    ragged: bool = False


@dataclasses.dataclass(frozen=True)
class _Slot:
    """Where a tensor stood among the arguments: a stretch of the flat inputs."""

    index: int
    ragged: bool


@dataclasses.dataclass(frozen=True)
class _HostFunction:
    """From flat arrays to flat arrays, around a function of structures.

    An object, because TensorFlow would rewrite the source of a nested function.
    """

    function: Callable[..., Any]
    places: Any
    specs: list[Spec]

    def __call__(self, *arrays: Any) -> list[np.ndarray]:
        arguments = _map(lambda leaf: self._fill(leaf, arrays), self.places)
        results = list(_leaves(CALLS.run(lambda: self.function(*arguments))))
        parts: list[np.ndarray] = []
        for spec, result in zip(self.specs, results, strict=True):
            dtype = object if spec.dtype == "string" else spec.dtype
            if spec.ragged:
                parts += [np.asarray(result.values, dtype), result.lengths]
            else:
                parts.append(np.asarray(result, dtype))
        return parts

    @staticmethod
    def _fill(leaf: Any, arrays: tuple[Any, ...]) -> Any:
        if not isinstance(leaf, _Slot):
            return leaf
        if leaf.ragged:
            return Ragged(arrays[leaf.index], arrays[leaf.index + 1]).to_list()
        return arrays[leaf.index]


def is_tensorflow(*structures: Any) -> bool:
    """Tells whether any leaf is a TensorFlow tensor; ragged ones are."""
    return any(
        type(leaf).__module__.startswith("tensorflow.")
        for structure in structures
        for leaf in _leaves(structure)
    )


def is_ragged_tensor(value: Any) -> bool:
    """Tells whether something is a `RaggedTensor` of TensorFlow."""
    return hasattr(value, "row_lengths") and is_tensorflow(value)


def is_symbolic(*structures: Any) -> bool:
    """Tells whether any leaf is a TensorFlow tensor without a value, as in a graph."""
    if not is_tensorflow(*structures):
        return False
    import tensorflow as tf

    return any(
        tf.is_symbolic_tensor(part)
        for structure in structures
        for leaf in _leaves(structure)
        if is_tensorflow(leaf)
        for part in tf.nest.flatten(leaf, expand_composites=True)
    )


def to_host(structure: Any) -> Any:
    """Replaces TensorFlow tensors that have values: arrays, lists for ragged ones."""
    if not is_tensorflow(structure):
        return structure

    def convert(leaf: Any) -> Any:
        if not is_tensorflow(leaf):
            return leaf
        return leaf.to_list() if _is_ragged(leaf) else leaf.numpy()

    return _map(convert, structure)


def rank(tensor: Any, name: str) -> int:
    """Returns the number of axes of a TensorFlow tensor.

    Raises:
        ValueError: if TensorFlow does not know it.
    """
    if tensor.shape.rank is None:
        raise ValueError(
            f"Expected `{name}` to have a known number of axes, received {tensor}. Set "
            "it in your dataset with `tf.ensure_shape`."
        )
    return int(tensor.shape.rank)


def leading_shape(structure: Any) -> tuple[int | None, ...]:
    """Returns the batch axis of a structure of samples: `(B,)`, or `()` without one.

    Raises:
        ValueError: if the samples are no scalars, one per sample.
    """
    tensor = next(leaf for leaf in _leaves(structure) if is_tensorflow(leaf))
    if rank(tensor, "x") > 1:
        raise ValueError(
            "Expected a scalar per sample, in a tensor with at most one axis; received "
            f"one of shape {tensor.shape}. Split it into a tuple of columns."
        )
    return tuple(tensor.shape)


def host_call(
    function: Callable[..., Any], arguments: tuple[Any, ...], out: Any
) -> Any:
    """Calls `function` on the host whenever the graph runs.

    Args:
        function: takes `arguments` with arrays in the places of tensors, lists of
            lists in those of ragged tensors.
        arguments: a structure of tensors and other values.
        out: the structure that `function` returns, with a `Spec` in each place.

    Returns:
        The structure of `out` with tensors in its places.
    """
    import tensorflow as tf

    tensors: list[Any] = []

    def place(leaf: Any) -> Any:
        if not is_tensorflow(leaf):
            return leaf
        slot = _Slot(len(tensors), _is_ragged(leaf))
        if slot.ragged:
            if leaf.ragged_rank != 1:
                raise ValueError(
                    "Expected tensors with at most one ragged axis, received "
                    f"{leaf}. Flatten it with `merge_dims`."
                )
            tensors.extend([leaf.values, leaf.row_lengths()])
        else:
            tensors.append(leaf)
        return slot

    places = _map(place, arguments)
    specs = list(_leaves(out))

    run = _HostFunction(function, places, specs)
    dtypes = [
        dtype
        for s in specs
        for dtype in ([s.dtype, "int64"] if s.ragged else [s.dtype])
    ]
    parts = list(tf.numpy_function(run, tensors, [tf.as_dtype(d) for d in dtypes]))

    def collect(spec: Spec) -> Any:
        value = tf.ensure_shape(parts.pop(0), spec.shape)
        if not spec.ragged:
            return value
        return tf.RaggedTensor.from_row_lengths(
            value, tf.ensure_shape(parts.pop(0), (None,)), validate=False
        )

    return _map(collect, out)


def _is_ragged(leaf: Any) -> bool:
    return type(leaf).__name__.startswith("RaggedTensor")


def _leaves(structure: Any) -> Iterator[Any]:
    # Not into lists: they are data, one text or number per entry.
    if isinstance(structure, dict):
        for value in structure.values():
            yield from _leaves(value)
    elif isinstance(structure, tuple):
        for value in structure:
            yield from _leaves(value)
    else:
        yield structure


def _map(function: Callable[[Any], Any], structure: Any) -> Any:
    if isinstance(structure, dict):
        return {key: _map(function, value) for key, value in structure.items()}
    if isinstance(structure, tuple):
        return tuple(_map(function, value) for value in structure)
    return function(structure)
