"""Data sets as `tf.data.Dataset`."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from domain_core.arrays.host_call import Spec, host_call

_BOXES = "bounding_boxes"

Sample = dict[str, Any]
Shape = tuple[int | None, ...]


def to_tf_data(
    read: Callable[[int, int], Sample],
    count: int,
    image_shape: Shape,
    box_count: int | None,
    *,
    epoch: int,
    prefetch: int | None,
) -> Any:
    """Returns a `tf.data.Dataset` of all samples.

    Args:
        read: returns a sample by its number and that of the pass.
        count: number of samples.
        image_shape: of "images", None where samples differ.
        box_count: number of boxes, likewise.
        epoch: number of the first pass.
        prefetch: elements to make ahead, None for TensorFlow's choice.

    Raises:
        ValueError: if there are none.
    """
    import tensorflow as tf

    if not count:
        raise ValueError("Expected at least one sample, received an empty data set.")
    # What they look like is known from the first only.
    specs = _specs(read(0, epoch), image_shape, box_count)
    load = _Load(read, specs)
    passes = itertools.count(epoch)

    def places() -> Iterator[tuple[int, int]]:
        number = next(passes)
        return ((index, number) for index in range(count))

    scalar = tf.TensorSpec((), "int64")
    rows = tf.data.Dataset.from_generator(places, output_signature=(scalar, scalar))
    rows = rows.apply(tf.data.experimental.assert_cardinality(count))
    return rows.map(
        lambda index, number: host_call(load, (index, number), specs),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    ).prefetch(tf.data.AUTOTUNE if prefetch is None else prefetch)


class _Load:
    """From the number of a sample to its arrays, in the order of the specs."""

    def __init__(
        self, read: Callable[[int, int], Sample], specs: dict[str, Any]
    ) -> None:
        self._read = read
        self._specs = specs

    def __call__(self, index: Any, epoch: Any) -> Sample:
        sample = self._read(int(index), int(epoch))
        return _in_order(sample, self._specs)


def _in_order(sample: Any, specs: Any) -> Any:
    if isinstance(specs, Spec):
        _check_is_array(sample)
        return sample
    if set(sample) != set(specs):
        raise ValueError(
            f"Expected samples with the keys {sorted(specs)} of the first, received "
            f"one with {sorted(sample)}."
        )
    return {key: _in_order(sample[key], spec) for key, spec in specs.items()}


def _specs(sample: Sample, image: Shape, box_count: int | None) -> dict[str, Any]:
    lead: tuple[int | None, ...] = () if len(image) == 3 else image[:1]

    def spec(value: Any, known: tuple[int | None, ...] = ()) -> Spec:
        _check_is_array(value)
        array = np.asarray(value)
        unknown = (None,) * (array.ndim - len(known))
        return Spec(array.dtype.name, (*known, *unknown))

    specs: dict[str, Any] = {}
    for key, value in sample.items():
        if key == "images":
            specs[key] = spec(value, image)
        elif key == _BOXES:
            known = (*lead, box_count)
            specs[key] = {
                name: spec(rows, (*known, *np.shape(rows)[len(known) :]))
                for name, rows in value.items()
            }
        elif key in ("labels", "targets"):
            specs[key] = spec(value, (*lead, *np.shape(value)[len(lead) :]))
        else:
            specs[key] = spec(value, lead)
    return specs


def _check_is_array(value: Any) -> None:
    if isinstance(value, list | tuple | dict):
        raise ValueError(
            "Expected arrays of one shape in a batch for `tf.data`, received a "
            f"{type(value).__name__}: images differ in size. Make them alike before, "
            "`dataset.map(Resizing(height, width))`, or by a layer for batches."
        )
