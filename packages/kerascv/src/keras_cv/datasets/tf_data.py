"""Data sets as `tf.data.Dataset`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from domain_core.arrays.host_call import Spec, host_call
from keras_cv.datasets.image_dataset import ImageDataset, Sample

_BOXES = "bounding_boxes"


def to_tf_data(dataset: ImageDataset, epoch: int, prefetch: int | None) -> Any:
    """Returns a `tf.data.Dataset` of all samples.

    Args:
        dataset: where they come from.
        epoch: number of the first pass.
        prefetch: elements to make ahead, None for TensorFlow's choice.

    Raises:
        ValueError: if there are none.
    """
    import tensorflow as tf

    if not len(dataset):
        raise ValueError("Expected at least one sample, received an empty data set.")
    # What they look like is known from the first only.
    specs = _specs(dataset, dataset.sample(0, epoch))
    load = _Load(dataset, specs)
    passes = itertools.count(epoch)

    def places() -> Iterator[tuple[int, int]]:
        number = next(passes)
        return ((index, number) for index in range(len(dataset)))

    scalar = tf.TensorSpec((), "int64")
    rows = tf.data.Dataset.from_generator(places, output_signature=(scalar, scalar))
    rows = rows.apply(tf.data.experimental.assert_cardinality(len(dataset)))
    return rows.map(
        lambda index, number: host_call(load, (index, number), specs),
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    ).prefetch(tf.data.AUTOTUNE if prefetch is None else prefetch)


class _Load:
    """From the number of a sample to its arrays, in the order of the specs."""

    def __init__(self, dataset: ImageDataset, specs: dict[str, Any]) -> None:
        self._dataset = dataset
        self._specs = specs

    def __call__(self, index: Any, epoch: Any) -> Sample:
        sample = self._dataset.sample(int(index), int(epoch))
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


def _specs(dataset: ImageDataset, sample: Sample) -> dict[str, Any]:
    image = dataset.image_shape()
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
            known = (*lead, dataset.box_count())
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
