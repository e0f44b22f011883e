"""Samples by number, read when they are asked for, and data sets made of others."""

from __future__ import annotations

import abc
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, SupportsIndex

import numpy as np

from domain_core.arguments import as_positive_int
from domain_core.images.parallel import for_each
from domain_core.pipeline.streams import ModelData
from keras_cv.datasets.collate import collate, pad_boxes
from keras_cv.datasets.tf_data import Sample, Shape, to_tf_data
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
)


class ImageDataset(ModelData):
    """Samples by number: dicts of NumPy arrays, as augmentation layers take them.

    `len(dataset)` and `dataset[i]` are all that torch's `DataLoader` and Grain's
    `MapDataset.source` ask for; `to_tf_data` gives a `tf.data.Dataset`. It pickles, so
    any number of workers may read from it, and what is drawn depends on the number of
    the sample and the epoch alone:

        dataset = read_coco("instances.json", "images").shuffle(seed=1)
        dataset = dataset.map(Resizing(512, 512, bounding_box_format="xyxy"))
        batches = dataset.batch(8, Mosaic(bounding_box_format="xyxy"), max_boxes=100)
        torch.utils.data.DataLoader(batches, batch_size=None, num_workers=4)
        grain.MapDataset.source(batches)
        batches.to_tf_data()

    A model takes it as it is: `classifier.fit(dataset)`, of samples or of batches. Its
    "labels" (or "targets", or "bounding_boxes") are what the model learns.

    A subclass writes `__len__` and `sample`.

    Attributes:
        class_names: names of the classes 0, 1, ...
        epoch: number of the pass, which orders and augmentations are drawn by. Set it
            before each pass of a loader; `to_tf_data` counts it itself. Workers that a
            loader keeps do not see it: use `repeat` there.
    """

    class_names: tuple[str, ...] = ()
    epoch: int = 0

    @abc.abstractmethod
    def __len__(self) -> int:
        """Returns the number of samples."""

    @abc.abstractmethod
    def sample(self, index: int, epoch: int) -> Sample:
        """Returns a sample, the same each time.

        Args:
            index: its number, from 0 to `len(dataset) - 1`.
            epoch: number of the pass.
        """

    def image_shape(self) -> Shape:
        """Returns the shape of "images", None where samples differ."""
        return (None, None, 3)

    def box_count(self) -> int | None:
        """Returns the number of boxes, None where samples differ."""
        return None

    def __getitem__(self, index: SupportsIndex) -> Sample:
        count, place = len(self), operator.index(index)
        if not -count <= place < count:
            raise IndexError(
                f"Expected the number of a sample below {count}, received {place}."
            )
        return self.sample(place % count, self.epoch)

    def __iter__(self) -> Iterator[Sample]:
        return (self[index] for index in range(len(self)))

    def map(self, function: Callable[..., Sample]) -> ImageDataset:
        """Applies a function, or an augmentation layer, to each sample.

        Args:
            function: from a sample to a sample. A layer of keras_cv is called with
                `index`, so that its draws depend on the sample and the epoch. To use
                worker processes it must pickle: a layer does, a lambda does not.
        """
        return Mapped(self, function)

    def select(self, indices: Sequence[int]) -> ImageDataset:
        """Returns some of the samples, in an order of your own.

        Args:
            indices: their numbers, such as `range(100)`.

        Raises:
            ValueError: if there is no such sample.
        """
        return Selected(self, indices)

    def shuffle(self, seed: int) -> ImageDataset:
        """Returns all samples in a random order, another one in each epoch.

        Args:
            seed: an integer from 0; the order depends on it and the epoch.
        """
        return Shuffled(self, seed)

    def repeat(self, epochs: int) -> ImageDataset:
        """Returns the samples several times over, drawn anew each time.

        Args:
            epochs: how often.
        """
        return Repeated(self, epochs)

    def batch(
        self,
        batch_size: int,
        layer: Callable[..., Sample] | None = None,
        *,
        max_boxes: int | None = None,
        drop_remainder: bool = False,
    ) -> ImageDataset:
        """Returns batches by number: see `collate` for what one looks like.

        Args:
            batch_size: samples in each.
            layer: augmentation layer to apply to whole batches, such as `MixUp`, or a
                function of a batch; images may be a list of different sizes for it.
            max_boxes: number of boxes to pad or cut to, after the layer. None for
                that of the sample with most.
            drop_remainder: whether to leave out a last batch that is smaller.
        """
        return Batched(self, batch_size, layer, max_boxes, drop_remainder)

    def to_tf_data(
        self,
        layer: Callable[..., Sample] | None = None,
        *,
        batch_size: int | None = None,
        max_boxes: int | None = None,
        drop_remainder: bool = False,
        prefetch: int | None = None,
    ) -> Any:
        """Returns a `tf.data.Dataset` of the samples; each pass is an epoch of its own.

        Files are read and layers applied on the host, several samples at once.

        Args:
            layer: to apply to each batch, or to each sample without `batch_size`.
            batch_size: see `batch`; None for one sample after another.
            max_boxes: see `batch`.
            drop_remainder: see `batch`.
            prefetch: elements to make ahead; None lets TensorFlow choose.

        Raises:
            ValueError: if there is no sample.
        """
        view: ImageDataset = self
        if batch_size is not None:
            view = self.batch(
                batch_size, layer, max_boxes=max_boxes, drop_remainder=drop_remainder
            )
        elif layer is not None:
            view = self.map(layer)
        if batch_size is None and (max_boxes is not None or drop_remainder):
            raise ValueError(
                "Expected `batch_size` beside `max_boxes` and `drop_remainder`, which "
                "are about batches; received none."
            )
        return to_tf_data(
            view.sample,
            len(view),
            view.image_shape(),
            view.box_count(),
            epoch=self.epoch,
            prefetch=prefetch,
        )

    def count_model_samples(self) -> int | None:
        return None if len(self.image_shape()) == 4 else len(self)

    def model_batches(
        self, batch_size: int, order: np.ndarray | None, epoch: int
    ) -> Iterator[Any]:
        count, number = len(self), self.epoch + epoch
        if self.count_model_samples() is None:
            yield from (_unpacked(self.sample(i, number)) for i in range(count))
            return
        places = np.arange(count) if order is None else order
        for start in range(0, count, batch_size):
            chosen = places[start : start + batch_size].tolist()
            samples: list[Any] = [None] * len(chosen)

            def read(i: int, chosen: Any = chosen, samples: Any = samples) -> None:
                samples[i] = self.sample(chosen[i], number)

            for_each(read, len(chosen))
            yield _unpacked(collate(samples))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)})"


def _unpacked(batch: Sample) -> Any:
    """Returns images, and what is said about them, as a model takes them."""
    for key in ("labels", "targets", "bounding_boxes"):
        if key in batch:
            return batch["images"], batch[key]
    return batch["images"], None


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
