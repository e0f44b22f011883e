"""The array operations of preprocessing, on two engines with equal results.

An algorithm over these is written once. It runs on NumPy arrays, and as operations of a
TensorFlow graph. Arrays have one axis, and integers are int64, unless said otherwise.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from domain_core.arrays.ragged import Ragged

# Values of a block: several arrays of it fit into the cache of a core.
_BLOCK = 8192


class ArrayEngine:
    """Operations an algorithm may use.

    The attributes are functions that each engine brings, with NumPy's name where NumPy
    has it, over the first axis. `argsort` takes no negative values and keeps equal ones
    in their order; `max` is 0 at least. `put(x, index, values)` writes values in their
    places and gives the result; `x` is not to be used any more. `take(x, index)` reads
    them. `text` is the dtype of strings. `in_graph` says that values are known only
    when a graph runs.
    """

    arange: Any
    argsort: Any
    bincount: Any
    cast: Any
    ceil: Any
    concat: Any
    copy: Any
    cumsum: Any
    flatnonzero: Any
    full: Any
    is_text: Any
    max: Any
    maximum: Any
    minimum: Any
    put: Any
    repeat: Any
    reshape: Any
    shift_right: Any
    size: Any
    sort: Any
    stack: Any
    sum: Any
    take: Any
    text: Any
    where: Any
    zeros_like: Any

    in_graph = False

    def isin(self, values: Any, tokens: Sequence[Any]) -> Any:
        """Tells of each value whether it is one of some tokens."""
        raise NotImplementedError

    def holds(self, values: Any, predicate: Callable[[Any], Any]) -> Any:
        """Asks a predicate of single values, once for each different one."""
        raise NotImplementedError

    def blockwise(
        self, function: Callable[..., tuple[Any, ...]], *arrays: Any
    ) -> tuple[Any, ...]:
        """Applies a function that treats each place for itself."""
        return function(*arrays)

    def repeat_step(self, count: Any, step: Callable[[Any, Any], Any], x: Any) -> Any:
        """Returns `x` after `x = step(i, x)` for `i` from 0 to `count - 1`."""
        raise NotImplementedError

    def starts(self, lengths: Any) -> Any:
        """Returns the index of each row's first value, `(B,)`."""
        return self.cumsum(lengths) - lengths

    def row_indices(self, lengths: Any) -> Any:
        """Returns the row of each value, `(N,)`."""
        return self.repeat(self.arange(self.size(lengths)), lengths)

    def runs(self, first: Any, lengths: Any) -> Any:
        """Returns `first[i], first[i] + 1, ...` of each length, one after another."""
        shift = self.repeat(first - self.starts(lengths), lengths)
        return self.arange(self.size(shift)) + shift

    def cut(self, rows: Ragged, lengths: Any, side: str) -> Ragged:
        """Keeps `lengths` values of each row, `(B,)`; see `Ragged.cut`."""
        first = self.starts(rows.lengths)
        if side == "left":
            first = first + rows.lengths - lengths
        return Ragged(self.take(rows.values, self.runs(first, lengths)), lengths)

    def to_dense(self, rows: Ragged, width: int, pad_value: Any = 0) -> Any:
        """Pads rows on the right, `(B, width)`; they must fit."""
        batch = self.size(rows.lengths)
        place = self.runs(self.arange(batch) * width, rows.lengths)
        dense = self.full(batch * width, pad_value, rows.values.dtype)
        return self.reshape(self.put(dense, place, rows.values), (batch, width))


class NumpyEngine(ArrayEngine):
    """The operations on NumPy arrays."""

    text = np.dtype(object)
    arange = staticmethod(np.arange)
    ceil = staticmethod(np.ceil)
    concat = staticmethod(np.concatenate)
    copy = staticmethod(np.copy)
    flatnonzero = staticmethod(np.flatnonzero)
    full = staticmethod(np.full)
    maximum = staticmethod(np.maximum)
    minimum = staticmethod(np.minimum)
    repeat = staticmethod(np.repeat)
    reshape = staticmethod(np.reshape)
    shift_right = staticmethod(np.right_shift)
    size = staticmethod(len)
    stack = staticmethod(np.stack)
    take = staticmethod(np.ndarray.__getitem__)
    where = staticmethod(np.where)
    zeros_like = staticmethod(np.zeros_like)
    cumsum = staticmethod(functools.partial(np.cumsum, axis=0))
    max = staticmethod(functools.partial(np.max, axis=0, initial=0))
    sort = staticmethod(functools.partial(np.sort, axis=0))
    sum = staticmethod(functools.partial(np.sum, axis=0))

    @staticmethod
    def argsort(x: np.ndarray) -> np.ndarray:
        # Sorting values is several times as fast as sorting places by their values.
        bits = len(x).bit_length()
        if int(x.max(initial=0)) >= 2 ** (63 - bits):
            return np.argsort(x, kind="stable")
        return np.sort((x << bits) | np.arange(len(x))) & (2**bits - 1)

    @staticmethod
    def bincount(x: np.ndarray, size: int) -> np.ndarray:
        return np.bincount(x, minlength=size)

    @staticmethod
    def cast(x: Any, dtype: Any) -> np.ndarray:
        return np.asarray(x).astype(dtype, copy=False)

    @staticmethod
    def put(x: np.ndarray, index: np.ndarray, values: Any) -> np.ndarray:
        x[index] = values
        return x

    @staticmethod
    def is_text(values: np.ndarray) -> bool:
        return bool(values.dtype == object)

    def cut(self, rows: Ragged, lengths: np.ndarray, side: str) -> Ragged:
        return rows.cut(lengths, side)

    def isin(self, values: np.ndarray, tokens: Sequence[Any]) -> np.ndarray:
        if self.is_text(values):
            return self.holds(values, frozenset(tokens).__contains__)
        return np.isin(values, [token for token in tokens if not _is_str(token)])

    def holds(self, values: np.ndarray, predicate: Callable[[Any], Any]) -> np.ndarray:
        listed = values.tolist()
        answers = {value: bool(predicate(value)) for value in set(listed)}
        return np.fromiter(map(answers.__getitem__, listed), bool, len(listed))

    def blockwise(
        self, function: Callable[..., tuple[Any, ...]], *arrays: Any
    ) -> tuple[Any, ...]:
        if len(arrays[0]) <= _BLOCK:
            return function(*arrays)
        starts = range(0, len(arrays[0]), _BLOCK)
        blocks = [function(*(x[i : i + _BLOCK] for x in arrays)) for i in starts]
        return tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))

    def repeat_step(self, count: Any, step: Callable[[Any, Any], Any], x: Any) -> Any:
        for number in range(int(count)):
            x = step(number, x)
        return x


class TensorFlowEngine(ArrayEngine):
    """The operations on TensorFlow tensors; a graph of them runs without Python."""

    in_graph = True
    text = "string"

    def __init__(self) -> None:
        import tensorflow as tf

        self._tf = tf
        self.cast = tf.cast
        self.copy = tf.identity
        self.ceil = tf.math.ceil
        self.cumsum = tf.cumsum
        self.maximum = tf.maximum
        self.minimum = tf.minimum
        self.reshape = tf.reshape
        self.stack = tf.stack
        self.take = tf.gather
        self.where = tf.where
        self.zeros_like = tf.zeros_like
        self.concat = functools.partial(tf.concat, axis=0)
        self.sort = functools.partial(tf.sort, axis=0)
        self.sum = functools.partial(tf.reduce_sum, axis=0)

    def run(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Calls a function whose source TensorFlow need not read, which takes long."""
        convert = self._tf.autograph.experimental.do_not_convert
        return convert(function)(*arguments, **named)

    def arange(self, stop: Any) -> Any:
        return self._tf.range(self._tf.cast(stop, "int64"))

    def argsort(self, x: Any) -> Any:
        return self._tf.cast(self._tf.argsort(x, stable=True), "int64")

    def bincount(self, x: Any, size: Any) -> Any:
        return self._tf.math.unsorted_segment_sum(self._tf.ones_like(x), x, size)

    def flatnonzero(self, mask: Any) -> Any:
        return self._tf.where(mask)[:, 0]

    def full(self, size: Any, value: Any, dtype: Any) -> Any:
        return self._tf.fill([size], self._tf.constant(value, dtype))

    def max(self, x: Any) -> Any:
        return self._tf.maximum(self._tf.reduce_max(x, axis=0), 0)

    def put(self, x: Any, index: Any, values: Any) -> Any:
        values = self._tf.broadcast_to(values, self._tf.shape(index))
        return self._tf.tensor_scatter_nd_update(x, index[:, None], values)

    def repeat(self, x: Any, times: Any) -> Any:
        # tf.repeat builds a matrix of rows times the longest row.
        count = self._tf.reduce_sum(times)
        index = self.cumsum(self.bincount(self.cumsum(times), count + 1))[:count]
        return self.take(x, index)

    def runs(self, first: Any, lengths: Any) -> Any:
        return self._tf.ragged.range(first, first + lengths).flat_values

    def shift_right(self, x: Any, bits: int) -> Any:
        return self._tf.bitwise.right_shift(x, self._tf.constant(bits, x.dtype))

    def size(self, x: Any) -> Any:
        return self._tf.shape(x, out_type="int64")[0]

    def is_text(self, values: Any) -> bool:
        return self._tf.as_dtype(values.dtype) == self._tf.string

    def isin(self, values: Any, tokens: Sequence[Any]) -> Any:
        text = self.is_text(values)
        tokens = [token for token in tokens if _is_str(token) == text]
        known = self._tf.constant(tokens, values.dtype, (len(tokens),))
        different, index = self._tf.unique(values, "int64")
        return self.take(self._tf.reduce_any(different[:, None] == known, 1), index)

    def holds(self, values: Any, predicate: Callable[[Any], Any]) -> Any:
        different, index = self._tf.unique(values, "int64")
        answers = self._tf.map_fn(predicate, different, fn_output_signature="bool")
        return self.take(answers, index)

    def repeat_step(self, count: Any, step: Callable[[Any, Any], Any], x: Any) -> Any:
        _, x = self._tf.while_loop(
            lambda number, _: number < count,
            lambda number, x: (number + 1, step(number, x)),
            (self._tf.constant(0, "int64"), x),
        )
        return x


NUMPY = NumpyEngine()


@functools.cache
def tensorflow_engine() -> TensorFlowEngine:
    """Returns the engine of TensorFlow, which it imports."""
    return TensorFlowEngine()


def _is_str(token: Any) -> bool:
    return isinstance(token, str)
