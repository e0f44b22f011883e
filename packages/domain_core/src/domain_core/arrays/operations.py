"""The same array functions on NumPy, in graphs of TensorFlow and on Keras' backend.

An algorithm over these is written once, and takes them as an argument. They have the
names, the arguments and the meaning of `keras.ops`, which serves Keras' backend; what
NumPy or TensorFlow call otherwise is listed here, and only what is listed here or in
`_ALIKE` may be used.

    ops = operations.of(boxes)
    sizes = ops.maximum(boxes[..., 2:] - boxes[..., :2], 0)

Preprocessing of text needs some that Keras lacks, see `Operations`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np

from domain_core.arrays.host_call import is_tensorflow
from domain_core.arrays.ragged import Ragged

# What NumPy, TensorFlow and Keras call alike, and mean alike.
_ALIKE = (
    "abs broadcast_to cos equal exp expand_dims eye logical_and logical_not logical_or "
    "matmul maximum minimum not_equal ones ones_like pad reshape sin sort sqrt stack "
    "tile transpose where zeros zeros_like"
).split()
# What NumPy alone calls as Keras does.
_OF_NUMPY = (
    "all any arctan arctan2 ceil clip concatenate copy cumsum flip floor full isfinite "
    "isnan log mean min mod nonzero power prod repeat right_shift round shape size sum "
    "take take_along_axis unstack"
).split()
# Values of a block: several arrays of it fit into the cache of a core.
_BLOCK = 8192


class Operations:
    """Functions of arrays: those of `keras.ops`, and some of flat and ragged rows.

    The methods that are written out here are not in `keras.ops`. Their arrays have one
    axis, and integers are int64.

    Attributes:
        in_graph: whether values are known only when a graph runs.
        text: the dtype of strings.
    """

    in_graph = False
    text: Any

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"{type(self).__name__} has no {name!r}: list it in arrays/operations.py."
        )

    def is_text(self, values: Any) -> bool:
        """Tells whether an array holds strings."""
        raise NotImplementedError

    def holds(self, values: Any, predicate: Callable[[Any], Any]) -> Any:
        """Asks a predicate of single values, once for each different one."""
        raise NotImplementedError

    def blockwise(
        self, function: Callable[..., tuple[Any, ...]], *arrays: Any
    ) -> tuple[Any, ...]:
        """Applies a function that treats each place for itself."""
        return function(*arrays)

    def put(self, x: Any, places: Any, values: Any) -> Any:
        """Returns `x` with values at places `(N,)`; who calls must not use `x` again.

        Args:
            x: an array of one axis, which may be written to.
            places: int64 indices.
            values: `(N,)` or a scalar.
        """
        return self.scatter_update(x, places[:, None], values)

    def starts(self, lengths: Any) -> Any:
        """Returns the index of each row's first value, `(B,)`."""
        return self.cumsum(lengths) - lengths

    def row_indices(self, lengths: Any) -> Any:
        """Returns the row of each value, `(N,)`."""
        rows = self.arange(self.size(lengths), dtype="int64")
        return self.repeat(rows, lengths)

    def runs(self, first: Any, lengths: Any) -> Any:
        """Returns `first[i], first[i] + 1, ...` of each length, one after another."""
        shift = self.repeat(first - self.starts(lengths), lengths)
        return self.arange(self.size(shift), dtype="int64") + shift

    def cut(self, rows: Ragged, lengths: Any, side: str) -> Ragged:
        """Keeps `lengths` values of each row, `(B,)`; see `Ragged.cut`."""
        first = self.starts(rows.lengths)
        if side == "left":
            first = first + rows.lengths - lengths
        return Ragged(self.take(rows.values, self.runs(first, lengths)), lengths)

    def to_dense(self, rows: Ragged, width: int, pad_value: Any = 0) -> Any:
        """Pads rows on the right, `(B, width)`; they must fit."""
        batch = self.size(rows.lengths)
        place = self.runs(self.arange(batch, dtype="int64") * width, rows.lengths)
        dense = self.full(batch * width, pad_value, rows.values.dtype)
        dense = self.put(dense, place, rows.values)
        return self.reshape(dense, (batch, width))


class NumpyOperations(Operations):
    """The functions on NumPy arrays."""

    text = np.dtype(object)

    def __init__(self) -> None:
        for name in (*_ALIKE, *_OF_NUMPY):
            setattr(self, name, getattr(np, name))

    @staticmethod
    def arange(
        start: Any, stop: Any = None, step: Any = None, dtype: Any = None
    ) -> np.ndarray:
        if stop is None:
            start, stop = 0, start
        values = np.arange(start, stop, 1 if step is None else step)
        if dtype is None and values.dtype == np.int64:
            dtype = "int32"
        return values.astype(dtype or values.dtype, copy=False)

    @staticmethod
    def argsort(x: np.ndarray, axis: int = -1) -> np.ndarray:
        bits = len(x).bit_length()
        if x.ndim == 1 and x.dtype == np.int64:
            # To sort values is several times as fast as to sort places by their values.
            if 0 <= x.min(initial=0) and x.max(initial=0) < 2 ** (63 - bits):
                return np.sort((x << bits) | np.arange(len(x))) & (2**bits - 1)
        return np.argsort(x, axis, kind="stable")

    @staticmethod
    def bincount(x: np.ndarray, weights: Any = None, minlength: int = 0) -> np.ndarray:
        return np.bincount(x, weights, minlength)

    @staticmethod
    def cast(x: Any, dtype: Any) -> np.ndarray:
        return np.asarray(x).astype(dtype, copy=False)

    @staticmethod
    def convert_to_tensor(x: Any, dtype: Any = None) -> np.ndarray:
        return np.asarray(x, dtype)

    @staticmethod
    def fori_loop(lower: Any, upper: Any, body: Callable[..., Any], x: Any) -> Any:
        for number in range(int(lower), int(upper)):
            x = body(number, x)
        return x

    @staticmethod
    def max(
        x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None
    ) -> Any:
        if initial is None:
            return np.max(x, axis, keepdims=keepdims)
        return np.max(x, axis, keepdims=keepdims, initial=initial)

    @staticmethod
    def scatter_update(x: np.ndarray, indices: np.ndarray, updates: Any) -> np.ndarray:
        updated = x.copy()
        updated[tuple(np.moveaxis(indices, -1, 0))] = updates
        return updated

    @staticmethod
    def stop_gradient(x: Any) -> Any:
        return x

    @staticmethod
    def is_text(values: np.ndarray) -> bool:
        return bool(values.dtype == object)

    def put(self, x: np.ndarray, places: np.ndarray, values: Any) -> np.ndarray:
        x[places] = values
        return x

    def cut(self, rows: Ragged, lengths: np.ndarray, side: str) -> Ragged:
        return rows.cut(lengths, side)

    def isin(self, values: np.ndarray, tokens: Sequence[Any]) -> np.ndarray:
        """Tells of each value whether it is one of some tokens, words or numbers."""
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


class TensorFlowOperations(Operations):
    """The functions on TensorFlow tensors; a graph of them runs without Python."""

    in_graph = True
    text = "string"

    def __init__(self) -> None:
        import tensorflow as tf

        self._tf = tf
        for name in _ALIKE:
            setattr(self, name, getattr(tf, name))
        self.all = tf.reduce_all
        self.any = tf.reduce_any
        self.arctan = tf.math.atan
        self.arctan2 = tf.math.atan2
        self.cast = tf.cast
        self.ceil = tf.math.ceil
        self.clip = tf.clip_by_value
        self.concatenate = functools.partial(tf.concat, axis=0)
        self.convert_to_tensor = tf.convert_to_tensor
        self.copy = tf.identity
        self.floor = tf.math.floor
        self.isfinite = tf.math.is_finite
        self.isnan = tf.math.is_nan
        self.log = tf.math.log
        self.mean = tf.reduce_mean
        self.min = tf.reduce_min
        self.mod = tf.math.floormod
        self.power = tf.math.pow
        self.prod = tf.reduce_prod
        self.round = tf.math.round
        self.stop_gradient = tf.stop_gradient
        self.sum = tf.reduce_sum
        self.unstack = tf.unstack

    def run(self, function: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        """Calls a function whose source TensorFlow need not read, which takes long."""
        convert = self._tf.autograph.experimental.do_not_convert
        return convert(function)(*arguments, **named)

    def arange(
        self, start: Any, stop: Any = None, step: Any = None, dtype: Any = None
    ) -> Any:
        limits = (0, start) if stop is None else (start, stop)
        if dtype is not None:
            limits = tuple(self._tf.cast(limit, dtype) for limit in limits)
        return self._tf.range(*limits, 1 if step is None else step, dtype)

    def argsort(self, x: Any, axis: int = -1) -> Any:
        return self._tf.argsort(x, axis, stable=True)

    def bincount(self, x: Any, weights: Any = None, minlength: Any = 0) -> Any:
        """Counts numbers, all below `minlength`."""
        weights = self._tf.ones_like(x) if weights is None else weights
        return self._tf.math.unsorted_segment_sum(weights, x, minlength)

    def cumsum(self, x: Any, axis: int | None = None) -> Any:
        return self._tf.cumsum(self._flat(x) if axis is None else x, axis or 0)

    def flip(self, x: Any, axis: int) -> Any:
        return self._tf.reverse(x, [axis % len(x.shape)])

    def fori_loop(
        self, lower: Any, upper: Any, body: Callable[..., Any], x: Any
    ) -> Any:
        _, x = self._tf.while_loop(
            lambda number, _: number < upper,
            lambda number, x: (number + 1, body(number, x)),
            (self._tf.cast(lower, "int64"), x),
        )
        return x

    def full(self, shape: Any, fill_value: Any, dtype: Any) -> Any:
        shape = self._tf.reshape(shape, (-1,))
        return self._tf.fill(shape, self._tf.constant(fill_value, dtype))

    def max(
        self, x: Any, axis: Any = None, keepdims: bool = False, initial: Any = None
    ) -> Any:
        largest = self._tf.reduce_max(x, axis, keepdims)
        return largest if initial is None else self._tf.maximum(largest, initial)

    def nonzero(self, x: Any) -> tuple[Any, ...]:
        return tuple(self._tf.unstack(self._tf.where(x), axis=1))

    def repeat(self, x: Any, repeats: Any, axis: int | None = None) -> Any:
        if axis is not None or isinstance(repeats, int):
            return self._tf.repeat(x, repeats, axis)
        # tf.repeat builds a matrix of rows times the longest row.
        count = self._tf.reduce_sum(repeats)
        ends = self.bincount(self._tf.cumsum(repeats), minlength=count + 1)
        return self._tf.gather(x, self._tf.cumsum(ends)[:count])

    def right_shift(self, x: Any, bits: int) -> Any:
        return self._tf.bitwise.right_shift(x, self._tf.constant(bits, x.dtype))

    def scatter_update(self, x: Any, indices: Any, updates: Any) -> Any:
        updates = self._tf.broadcast_to(updates, self._tf.shape(indices)[:-1])
        return self._tf.tensor_scatter_nd_update(x, indices, updates)

    def shape(self, x: Any) -> tuple[Any, ...]:
        """Returns ints, and scalar tensors where a length is not known yet."""
        dynamic = self._tf.shape(x)
        return tuple(
            dynamic[axis] if length is None else length
            for axis, length in enumerate(x.shape)
        )

    def size(self, x: Any) -> Any:
        return self._tf.size(x, out_type="int64")

    def take(self, x: Any, indices: Any, axis: int | None = None) -> Any:
        return self._tf.gather(self._flat(x) if axis is None else x, indices, axis=axis)

    def take_along_axis(self, x: Any, indices: Any, axis: int) -> Any:
        axis = axis % len(x.shape)
        return self._tf.gather(x, indices, axis=axis, batch_dims=axis)

    def runs(self, first: Any, lengths: Any) -> Any:
        return self._tf.ragged.range(first, first + lengths).flat_values

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

    def _flat(self, x: Any) -> Any:
        return x if len(x.shape) == 1 else self._tf.reshape(x, (-1,))


class KerasOperations(Operations):
    """The functions on tensors of the backend, those of `keras.ops`.

    A number beside a tensor is one of its dtype here. Keras makes some numbers tensors
    of `keras.config.floatx()` first: then 2,047 is 2,048 in half precision, and indices
    become floats.
    """

    def __getattr__(self, name: str) -> Any:
        return getattr(keras.ops, name)

    def arange(
        self, start: Any, stop: Any = None, step: Any = None, dtype: Any = "int32"
    ) -> Any:
        return keras.ops.arange(start, stop, 1 if step is None else step, dtype)

    def clip(self, x: Any, x_min: Any, x_max: Any) -> Any:
        return self.minimum(self.maximum(x, x_min), x_max)

    def maximum(self, x1: Any, x2: Any) -> Any:
        return keras.ops.maximum(*_alike(x1, x2))

    def minimum(self, x1: Any, x2: Any) -> Any:
        return keras.ops.minimum(*_alike(x1, x2))

    def mod(self, x1: Any, x2: Any) -> Any:
        return keras.ops.mod(*_alike(x1, x2))

    def where(self, condition: Any, x1: Any, x2: Any) -> Any:
        if isinstance(x1, float) and isinstance(x2, float):
            x1 = keras.ops.convert_to_tensor(x1, "float32")
        return keras.ops.where(condition, *_alike(x1, x2))


NUMPY = NumpyOperations()
KERAS = KerasOperations()


@functools.cache
def tensorflow_operations() -> TensorFlowOperations:
    """Returns the functions of TensorFlow, which it imports."""
    return TensorFlowOperations()


def of(*values: Any) -> Any:
    """Returns the functions for some arrays.

    TensorFlow's own for its tensors (unless they are the backend's), Keras' for tensors
    of its backend and symbolic ones, NumPy's for all else: arrays, numbers and lists.
    """
    if any(map(is_backend_tensor, values)):
        return KERAS
    return tensorflow_operations() if is_tensorflow(*values) else NUMPY


def as_float(x: Any, ops: Operations) -> Any:
    """Casts to what is computed in: float32, unless it is float64 already.

    Areas in pixels overflow float16, and so do squares.
    """
    dtype = keras.backend.standardize_dtype(x.dtype)
    return x if dtype in ("float32", "float64") else ops.cast(x, "float32")


def is_backend_tensor(value: Any) -> bool:
    """Whether it is a tensor of the backend of Keras, or a symbolic one of Keras."""
    if isinstance(value, np.ndarray | list | tuple | dict | int | float | None):
        return False
    return isinstance(value, keras.KerasTensor) or keras.ops.is_tensor(value)


def map_leaves(function: Callable[[Any], Any], structure: Any) -> Any:
    """Applies a function to all values of nested dicts."""
    if isinstance(structure, dict):
        return {key: map_leaves(function, value) for key, value in structure.items()}
    return function(structure)


def is_float(dtype: Any) -> bool:
    """Whether a dtype of any library is of floating point."""
    return "float" in str(getattr(dtype, "name", dtype))


def is_uint8(dtype: Any) -> bool:
    """Whether a dtype of any library is uint8."""
    return dtype_name(dtype) == "uint8"


def is_integer(dtype: Any) -> bool:
    """Whether a dtype of any library is of integers, with a sign or without."""
    return dtype_name(dtype).removeprefix("u").startswith("int")


def dtype_name(dtype: Any) -> str:
    """Returns the name of a dtype of any library, such as "float32"."""
    return str(getattr(dtype, "name", dtype)).rpartition(".")[2]


def as_rounded(values: Any, dtype: Any, ops: Operations) -> Any:
    """Casts float32 values to a dtype; rounds and clips what becomes integers."""
    if is_integer(dtype) and is_float(values.dtype):
        limits = np.iinfo(dtype_name(dtype))
        # The largest float below 2**31 or 2**63, not the one after it.
        high = np.float32(limits.max)
        if int(high) > limits.max:
            high = np.nextafter(high, np.float32(0))
        # Not by `clip`, which has limits in `keras.config.floatx()`.
        low = float(limits.min)
        values = ops.minimum(ops.maximum(ops.round(values), low), float(high))
    return ops.cast(values, dtype)


def _alike(first: Any, second: Any) -> tuple[Any, Any]:
    """Returns two arguments, of which a number has the dtype of the other one."""
    if isinstance(second, int | float) and hasattr(first, "dtype"):
        return first, _as_number_of(second, first)
    if isinstance(first, int | float) and hasattr(second, "dtype"):
        return _as_number_of(first, second), second
    return first, second


def _as_number_of(number: float, tensor: Any) -> Any:
    dtype = keras.backend.standardize_dtype(tensor.dtype)
    if isinstance(number, float) and "float" not in dtype:
        return number
    return keras.ops.convert_to_tensor(number, dtype)


def _is_str(token: Any) -> bool:
    return isinstance(token, str)
