"""Datasets that come in batches of their own, recognized without importing anything."""

from __future__ import annotations

import abc
import collections
import dataclasses
import itertools
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import keras
import numpy as np

from domain_core.pipeline.samples import is_scalar

# Grain calls a dataset repeated for ever `sys.maxsize` long.
_ENDLESS = 2**62


@dataclasses.dataclass(frozen=True)
class Stream:
    """A dataset of batches.

    Attributes:
        kind: what users call it.
        open: starts over and returns an iterator of batches.
        count: returns the number of batches, None if there is no end.
        is_count_known: whether `count` is at hand; otherwise it reads all data once.
        can_restart: whether `open` starts over. A generator goes on where it stopped.
    """

    kind: str
    open: Callable[[], Iterator[Any]]
    count: Callable[[], int | None]
    is_count_known: bool = True
    can_restart: bool = True


class ModelData(abc.ABC):
    """A dataset of ours that `fit`, `evaluate` and `predict` take as it is."""

    @abc.abstractmethod
    def model_batches(
        self, batch_size: int, order: np.ndarray | None, epoch: int
    ) -> Iterator[Any]:
        """Returns the batches of a pass, as `unpack` reads them.

        Args:
            batch_size: samples in each, of samples that are not in batches yet.
            order: of these, None for their own.
            epoch: number of the pass, from 0.
        """

    @abc.abstractmethod
    def count_model_samples(self) -> int | None:
        """Returns how many samples are not in batches yet, None if they are."""

    @abc.abstractmethod
    def __len__(self) -> int:
        """Returns the number of samples, or of batches if they are in such."""


def as_stream(
    data: Any, *, shuffle: bool = False, batch_size: int | None = None
) -> Stream | None:
    """Returns the stream that an object is, None if it is none.

    Known are `tf.data.Dataset`, `keras.utils.PyDataset`, torch's `DataLoader`, Grain's
    `MapDataset`, `IterDataset` and `DataLoader`, `ModelData`, and iterators
    (generators).

    Args:
        data: any object.
        shuffle: draw a new order of the batches of a `PyDataset`, or of the samples of
            `ModelData`, for every pass, as Keras does. Other datasets shuffle
            themselves.
        batch_size: samples per batch of `ModelData` that is in none yet, by default 32.
            Other datasets have their own.
    """
    if isinstance(data, ModelData):
        return _model_data_stream(data, shuffle, batch_size or 32)
    ancestors = {
        (ancestor.__module__.partition(".")[0], ancestor.__name__)
        for ancestor in type(data).__mro__
    }
    if ("tensorflow", "DatasetV2") in ancestors:
        return _tf_data_stream(data)
    if isinstance(data, keras.utils.PyDataset):
        return _py_dataset_stream(data, shuffle)
    if ("torch", "DataLoader") in ancestors:
        return _torch_stream(data)
    if ("grain", "MapDataset") in ancestors:
        length = len(data)
        endless = length >= _ENDLESS
        return Stream(
            "Grain MapDataset", lambda: iter(data), lambda: None if endless else length
        )
    if ("grain", "IterDataset") in ancestors or ("grain", "DataLoader") in ancestors:
        return Stream("Grain dataset", lambda: iter(data), lambda: _count(data), False)
    if isinstance(data, Iterator):
        return Stream(
            "generator", lambda: data, lambda: _count(data), False, can_restart=False
        )
    return None


def _count(data: Iterable[Any]) -> int:
    return sum(1 for _ in data)


def _tf_data_stream(dataset: Any) -> Stream:
    import tensorflow as tf

    for spec in tf.nest.flatten(dataset.element_spec):
        if spec.shape.rank == 0:
            raise ValueError(
                "Expected a tf.data.Dataset of batches, received one of single "
                f"samples: element_spec={dataset.element_spec}. Call "
                "`.batch(batch_size)` on it."
            )
    cardinality = int(dataset.cardinality())
    known = cardinality != tf.data.UNKNOWN_CARDINALITY

    def count() -> int | None:
        if cardinality == tf.data.INFINITE_CARDINALITY:
            return None
        if known:
            return cardinality
        return int(dataset.reduce(np.int64(0), lambda total, *_: total + 1))

    return Stream("tf.data.Dataset", dataset.as_numpy_iterator, count, known)


def _torch_stream(loader: Any) -> Stream:
    from torch.utils.data import default_collate

    # The default collate function makes lists where samples had tuples; a collate
    # function of the user's may mean a list of images.
    convert = _lists_to_tuples if loader.collate_fn is default_collate else _identity
    try:
        length = len(loader)
    except TypeError:  # the loader's dataset is iterable and has no length
        return Stream(
            "torch DataLoader",
            lambda: map(convert, iter(loader)),
            lambda: _count(loader),
            False,
        )
    return Stream(
        "torch DataLoader", lambda: map(convert, iter(loader)), lambda: length
    )


def _model_data_stream(data: ModelData, shuffle: bool, batch_size: int) -> Stream:
    epochs = itertools.count()

    def count() -> int:
        samples = data.count_model_samples()
        return len(data) if samples is None else -(-samples // batch_size)

    def open_stream() -> Iterator[Any]:
        samples = data.count_model_samples()
        order = None
        if shuffle and samples is not None:
            order = np.random.permutation(samples)
        return data.model_batches(batch_size, order, next(epochs))

    return Stream(type(data).__name__, open_stream, count)


def _identity(batch: Any) -> Any:
    return batch


def _lists_to_tuples(batch: Any) -> Any:
    if isinstance(batch, dict):
        return {key: _lists_to_tuples(value) for key, value in batch.items()}
    if isinstance(batch, list | tuple) and not (batch and is_scalar(batch[0])):
        return tuple(_lists_to_tuples(value) for value in batch)
    return batch


def _py_dataset_stream(dataset: Any, shuffle: bool) -> Stream:
    def open_stream() -> Iterator[Any]:
        length = dataset.num_batches
        if length is None:
            return _read(dataset, itertools.count())
        order = np.random.permutation(length) if shuffle else np.arange(length)
        return _read(dataset, order.tolist())

    return Stream("keras.utils.PyDataset", open_stream, lambda: dataset.num_batches)


def _read(dataset: Any, order: Iterable[int]) -> Iterator[Any]:
    """Yields the batches of a PyDataset, and tells it where an epoch begins and ends.

    Its `workers` are threads even if it asks for processes: forking a process that runs
    JAX, TensorFlow or PyTorch threads is not safe.
    """
    dataset.on_epoch_begin()
    left = dataset.num_batches
    with ThreadPoolExecutor(dataset.workers) as pool:
        for batch in _read_ahead(dataset, order, pool):
            left = None if left is None else left - 1
            if left == 0:  # nobody comes back after the last batch
                dataset.on_epoch_end()
            yield batch


def _read_ahead(
    dataset: Any, order: Iterable[int], pool: ThreadPoolExecutor
) -> Iterator[Any]:
    if dataset.workers <= 1:
        yield from map(dataset.__getitem__, order)
        return
    waiting: collections.deque[Any] = collections.deque()
    for index in order:
        waiting.append(pool.submit(dataset.__getitem__, index))
        if len(waiting) > dataset.workers:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
