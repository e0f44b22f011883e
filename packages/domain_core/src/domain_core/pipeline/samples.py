"""Batches of raw samples: dicts and tuples of lists and NumPy arrays.

A *leaf* is a list or an array with one entry per sample; dicts and tuples give leaves
names or places. So a list is always a list of samples, be they strings, numbers, or
images of different sizes; a model with several inputs takes a dict or a tuple.
"""

from __future__ import annotations

import itertools
import numbers
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np

Samples = Any  # None, a leaf, or a dict or tuple of samples


def as_samples(value: Any, name: str) -> Samples:
    """Brings what a user handed over into the form this module works on.

    Tensors of any framework and pandas columns become NumPy arrays, ragged tensors
    lists of arrays, other sequences lists. A tuple of strings or numbers is one leaf.

    Args:
        value: a batch of samples, or None.
        name: how errors call it, such as "x".

    Returns:
        The same samples as a nest of dicts and tuples over lists and arrays.

    Raises:
        ValueError: if there is a single sample instead of a batch, no sample at all, a
            sample that is None, or an object that is no batch of samples.
    """
    if value is None:
        return None
    if isinstance(value, Mapping):
        _require(len(value) > 0, f"`{name}` is an empty dict: nothing to run on.")
        return {key: as_samples(v, f"{name}[{key!r}]") for key, v in value.items()}
    if isinstance(value, tuple) and not (value and is_scalar(value[0])):
        _require(len(value) > 0, f"`{name}` is an empty tuple: nothing to run on.")
        return tuple(as_samples(v, f"{name}[{i}]") for i, v in enumerate(value))
    return _as_leaf(value, name)


def is_scalar(value: Any) -> bool:
    """Returns whether a value is one string or number rather than a batch."""
    return isinstance(value, str | bytes | numbers.Number | np.generic)


def as_arrays(samples: Samples, name: str) -> Samples:
    """Turns every leaf into a NumPy array that a model can take.

    Floating point arrays get `keras.config.floatx()`, as Keras does with arrays.

    Raises:
        ValueError: if the samples of a leaf have different shapes or are no numbers.
    """
    return map_leaves(lambda leaf, path: _as_model_array(leaf, path), samples, name)


def map_leaves(
    function: Callable[[Any, str], Any], samples: Samples, name: str = ""
) -> Samples:
    """Applies `function(leaf, path)` to every leaf and keeps the structure."""
    if samples is None:
        return None
    if isinstance(samples, Mapping):
        return {
            k: map_leaves(function, v, f"{name}[{k!r}]") for k, v in samples.items()
        }
    if isinstance(samples, tuple):
        return tuple(
            map_leaves(function, v, f"{name}[{i}]") for i, v in enumerate(samples)
        )
    return function(samples, name)


def flatten(samples: Samples, name: str = "") -> list[tuple[str, Any]]:
    """Returns `(path, leaf)` of every leaf, in order."""
    found: list[tuple[str, Any]] = []
    map_leaves(lambda leaf, path: found.append((path, leaf)), samples, name)
    return found


def count_samples(x: Samples, y: Samples = None, sample_weight: Samples = None) -> int:
    """Returns how many samples there are.

    Raises:
        ValueError: if leaves differ in length or there is none.
    """
    leaves = flatten(x, "x") + flatten(y, "y") + flatten(sample_weight, "sample_weight")
    _require(bool(leaves), "`x` is None: expected samples, or a dataset that has some.")
    count = len(leaves[0][1])
    if any(len(leaf) != count for _, leaf in leaves):
        lengths = ", ".join(f"{path}: {len(leaf)}" for path, leaf in leaves)
        raise ValueError(
            "Expected the same number of samples everywhere, received "
            f"{lengths}. Inputs and targets with several parts are passed as a dict or "
            "a tuple; a list holds one entry per sample."
        )
    return count


def take(samples: Samples, rows: slice | np.ndarray) -> Samples:
    """Returns the samples at a slice or an array of indices."""

    def take_rows(leaf: Any, path: str) -> Any:
        if isinstance(leaf, list) and not isinstance(rows, slice):
            return [leaf[row] for row in rows]
        return leaf[rows]

    return map_leaves(take_rows, samples)


def unpack(element: Any) -> tuple[Any, Any, Any]:
    """Splits `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)` as Keras does.

    A list counts as a tuple here; one of strings or numbers, and a tuple of strings
    (what torch's `DataLoader` makes of a batch of strings), is `x`.

    Raises:
        ValueError: if there are more than three parts.
    """
    if not isinstance(element, list | tuple) or not element:
        return element, None, None
    of_strings = all(isinstance(part, str | bytes) for part in element)
    if of_strings or (isinstance(element, list) and is_scalar(element[0])):
        return element, None, None
    if not 1 <= len(element) <= 3:
        raise ValueError(
            "Expected `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`, received a "
            f"{type(element).__name__} of {len(element)} parts. If these are the "
            "samples of one batch, wrap them: `(samples,)`."
        )
    x, y, sample_weight = (*element, None, None)[:3]
    return x, y, sample_weight


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


def _as_leaf(value: Any, name: str) -> list | np.ndarray:
    leaf = value
    if not is_scalar(value):
        if hasattr(value, "to_list") and not hasattr(value, "__array__"):
            leaf = _rows(value)
        elif hasattr(value, "__array__"):
            leaf = as_numpy(value)
            if leaf.dtype == object and any(isinstance(x, np.ndarray) for x in leaf):
                leaf = list(map(_together, leaf))  # a ragged tensor in NumPy's form
        elif isinstance(value, Sequence):
            leaf = list(value)
        else:
            raise ValueError(
                f"`{name}` is of type {type(value).__name__}, which is no batch of "
                "samples. Expected a list, an array, a dict or tuple of those, a "
                "tf.data.Dataset, a keras.utils.PyDataset, a torch DataLoader, a Grain "
                "dataset or a generator of batches."
            )
    if is_scalar(leaf) or (isinstance(leaf, np.ndarray) and leaf.ndim == 0):
        raise ValueError(
            f"`{name}` is a single sample, {value!r:.80}, where a batch is expected. "
            "Wrap it in a list; batch a dataset of single samples with `.batch(...)`."
        )
    _require(len(leaf) > 0, f"`{name}` is empty: expected at least one sample.")
    if isinstance(leaf, list) or leaf.dtype == object:
        for index, sample in enumerate(leaf):
            if sample is None:
                raise ValueError(
                    f"`{name}[{index}]` is None. Expected a value for every sample: "
                    "drop the sample or fill it in (an empty string is a value)."
                )
    return leaf


def _rows(ragged: Any) -> list[Any]:
    """Returns the rows of a ragged tensor as arrays, images of it too.

    Only rows that are ragged in themselves, and no images, are lists of arrays.
    """
    values, splits = ragged.values, np.asarray(ragged.row_splits).tolist()
    inner = _rows(values) if hasattr(values, "row_splits") else np.asarray(values)
    rows = [inner[start:stop] for start, stop in itertools.pairwise(splits)]
    return list(map(_together, rows))


def _together(rows: Any) -> Any:
    """Returns the rows of one image, all of one width, as an array; others as is."""
    is_array = isinstance(rows, np.ndarray) and rows.dtype != object
    if is_array or not all(isinstance(row, np.ndarray) for row in rows):
        return rows
    rows = list(map(_together, rows))
    return np.stack(rows) if len(set(map(np.shape, rows))) == 1 else rows


def as_numpy(tensor: Any) -> np.ndarray:
    """Converts a tensor of any framework, importing none."""
    if type(tensor).__module__.partition(".")[0] == "torch":
        tensor = tensor.detach().cpu()
    return np.asarray(tensor)


def _as_model_array(leaf: Any, name: str) -> np.ndarray:
    if isinstance(leaf, np.ndarray):
        array = leaf
    elif hasattr(leaf, "__array__"):
        array = as_numpy(leaf)
    else:
        shapes = {
            np.shape(as_numpy(row) if hasattr(row, "shape") else row) for row in leaf
        }
        if len(shapes) > 1:
            raise ValueError(
                f"The samples of `{name}` have different shapes after preprocessing: "
                f"{sorted(shapes)}. Expected one shape per batch: let the preprocessor "
                "resize or pad."
            )
        array = np.asarray(
            [as_numpy(row) if hasattr(row, "shape") else row for row in leaf]
        )
    if array.dtype.kind in "OSU":
        raise ValueError(
            f"`{name}` holds {array.dtype} values after preprocessing, and a model "
            f"takes numbers. Received {array.ravel()[0]!r:.80}. Give the model a "
            "preprocessor, or preprocess before `fit`, `evaluate` or `predict`."
        )
    floatx = keras.config.floatx()
    if array.dtype.kind == "f" or "float" in array.dtype.name:
        array = array.astype(floatx, copy=False)
    return array
