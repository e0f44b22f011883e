"""Data sets made of another: mapped, selected, shuffled, repeated, in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from domain_core.arguments import as_positive_int
from keras_cv.datasets.collate import collate, pad_boxes
from keras_cv.datasets.image_dataset import ImageDataset, Sample, Shape
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
)


class _View(ImageDataset):
    def __init__(self, parent: ImageDataset) -> None:
        self._parent = parent
        self.class_names = parent.class_names
        self.epoch = parent.epoch

    def __len__(self) -> int:
        return len(self._parent)

    def image_shape(self) -> Shape:
        return self._parent.image_shape()

    def box_count(self) -> int | None:
        return self._parent.box_count()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)}, {self._parent!r})"


class Mapped(_View):
    """See `ImageDataset.map`."""

    def __init__(self, parent: ImageDataset, function: Callable[..., Sample]) -> None:
        super().__init__(parent)
        if not callable(function):
            raise ValueError(
                "Expected an augmentation layer or a function of a sample, received "
                f"{function!r:.200}."
            )
        self._function = function

    def sample(self, index: int, epoch: int) -> Sample:
        sample = self._parent.sample(index, epoch)
        return _apply(self._function, sample, np.array([index + epoch * len(self)]))

    def image_shape(self) -> Shape:
        return _image_shape(self._function, (1, *self._parent.image_shape()))[1:]

    def box_count(self) -> int | None:
        return _box_count(self._function, self._parent.box_count())

    def __repr__(self) -> str:
        name = getattr(self._function, "name", type(self._function).__name__)
        return f"Mapped({name}, {self._parent!r})"


class Selected(_View):
    """See `ImageDataset.select`."""

    def __init__(self, parent: ImageDataset, indices: Sequence[int]) -> None:
        super().__init__(parent)
        numbers = np.asarray(indices)
        if numbers.ndim != 1 or (numbers.size and numbers.dtype.kind not in "iu"):
            raise ValueError(
                f"Expected `indices` as integers in a list, received {indices!r:.200}."
            )
        outside = (numbers < 0) | (numbers >= len(parent))
        if outside.any():
            raise ValueError(
                f"Expected `indices` from 0 to {len(parent) - 1}, received "
                f"{numbers[outside][:8].tolist()}."
            )
        self._indices = numbers.astype("int64")

    def __len__(self) -> int:
        return len(self._indices)

    def sample(self, index: int, epoch: int) -> Sample:
        return self._parent.sample(int(self._indices[index]), epoch)


class Shuffled(_View):
    """See `ImageDataset.shuffle`."""

    def __init__(self, parent: ImageDataset, seed: int) -> None:
        super().__init__(parent)
        if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
            raise ValueError(
                f"Expected `seed` to be an integer from 0, received {seed!r}."
            )
        self._seed = int(seed)
        self._order: tuple[int, np.ndarray] = (-1, np.zeros(0, "int64"))

    def sample(self, index: int, epoch: int) -> Sample:
        # Read once: another thread may put that of another epoch there.
        known, order = self._order
        if known != epoch:
            order = np.random.default_rng([self._seed, epoch]).permutation(len(self))
            self._order = epoch, order
        return self._parent.sample(int(order[index]), epoch)


class Repeated(_View):
    """See `ImageDataset.repeat`."""

    def __init__(self, parent: ImageDataset, epochs: int) -> None:
        super().__init__(parent)
        self._epochs = as_positive_int("epochs", epochs)

    def __len__(self) -> int:
        return len(self._parent) * self._epochs

    def sample(self, index: int, epoch: int) -> Sample:
        passes, place = divmod(index, len(self._parent))
        return self._parent.sample(place, epoch * self._epochs + passes)


class Batched(_View):
    """See `ImageDataset.batch`."""

    def __init__(
        self,
        parent: ImageDataset,
        batch_size: int,
        layer: Callable[..., Sample] | None,
        max_boxes: int | None,
        drop_remainder: bool,
    ) -> None:
        super().__init__(parent)
        self._batch_size = as_positive_int("batch_size", batch_size)
        if layer is not None and not callable(layer):
            raise ValueError(
                "Expected `layer` to be an augmentation layer or a function of a "
                f"batch, received {layer!r:.200}."
            )
        self._layer = layer
        if max_boxes is not None:
            max_boxes = as_positive_int("max_boxes", max_boxes)
        self._max_boxes = max_boxes
        self._drop_remainder = bool(drop_remainder)

    def __len__(self) -> int:
        full, rest = divmod(len(self._parent), self._batch_size)
        return full + (rest > 0 and not self._drop_remainder)

    def sample(self, index: int, epoch: int) -> Sample:
        start = index * self._batch_size
        stop = min(start + self._batch_size, len(self._parent))
        places = range(start, stop)
        batch = collate([self._parent.sample(place, epoch) for place in places])
        if self._layer is not None:
            numbers = np.asarray(places) + epoch * len(self._parent)
            batch = _apply(self._layer, batch, numbers)
        return pad_boxes(batch, self._max_boxes)

    def image_shape(self) -> Shape:
        size = self._batch_size if self._drop_remainder else None
        return _image_shape(self._layer, (size, *self._parent.image_shape()))

    def box_count(self) -> int | None:
        if self._max_boxes is not None:
            return self._max_boxes
        return _box_count(self._layer, self._parent.box_count())


def _apply(function: Callable[..., Sample], sample: Sample, index: Any) -> Sample:
    if isinstance(function, BaseImageAugmentationLayer):
        return function(sample, index=index)
    return function(sample)


def _image_shape(function: Any, shape: Shape) -> Shape:
    if isinstance(function, BaseImageAugmentationLayer):
        return function.output_shape(shape)
    return shape if function is None else (None,) * len(shape)


def _box_count(function: Any, count: int | None) -> int | None:
    if isinstance(function, BaseImageAugmentationLayer):
        return function.output_boxes(count)
    return count if function is None else None
