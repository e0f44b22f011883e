"""Samples by number, read when they are asked for."""

from __future__ import annotations

import abc
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, SupportsIndex

Sample = dict[str, Any]
Shape = tuple[int | None, ...]


class ImageDataset(abc.ABC):
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
        from keras_cv.datasets.views import Mapped

        return Mapped(self, function)

    def select(self, indices: Sequence[int]) -> ImageDataset:
        """Returns some of the samples, in an order of your own.

        Args:
            indices: their numbers, such as `range(100)`.

        Raises:
            ValueError: if there is no such sample.
        """
        from keras_cv.datasets.views import Selected

        return Selected(self, indices)

    def shuffle(self, seed: int) -> ImageDataset:
        """Returns all samples in a random order, another one in each epoch.

        Args:
            seed: an integer from 0; the order depends on it and the epoch.
        """
        from keras_cv.datasets.views import Shuffled

        return Shuffled(self, seed)

    def repeat(self, epochs: int) -> ImageDataset:
        """Returns the samples several times over, drawn anew each time.

        Args:
            epochs: how often.
        """
        from keras_cv.datasets.views import Repeated

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
        from keras_cv.datasets.views import Batched

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
        from keras_cv.datasets.tf_data import to_tf_data

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
        return to_tf_data(view, self.epoch, prefetch)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)})"
