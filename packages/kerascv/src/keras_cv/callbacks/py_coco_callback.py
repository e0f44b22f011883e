"""COCO's numbers of a detector after each epoch."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np

from domain_core.arguments import as_positive_int
from domain_core.pipeline.samples import as_samples, count_samples, unpack
from domain_core.pipeline.sources import open_source
from domain_core.pipeline.streams import as_stream
from keras_cv.bounding_box.formats import is_relative
from keras_cv.metrics.coco_evaluator import ClassNames, COCOEvaluator

# Upstream's keys, in the order in which the evaluator gives the numbers.
_KEYS = [
    "val_" + name
    for name in (
        *("AP", "AP50", "AP75", "APs", "APm", "APl"),
        *("ARmax1", "ARmax10", "ARmax100", "ARs", "ARm", "ARl"),
    )
]
# Batches that `predict` is called with at once: each call costs some milliseconds.
_AT_ONCE = 16


class PyCOCOCallback(keras.callbacks.Callback):
    """Adds COCO's numbers on validation data to the logs of each epoch.

    They are "val_AP", "val_AP50", "val_AP75", "val_APs", "val_APm", "val_APl",
    "val_ARmax1", "val_ARmax10", "val_ARmax100", "val_ARs", "val_ARm" and "val_ARl", and
    -1 where there is nothing to find, as for objects of a size that there is not. Put
    it before callbacks that read the logs, such as
    `ModelCheckpoint(monitor="val_AP", mode="max")`.

    The model's `predict` has to return a dict of "boxes" `(B, N, 4)`, "classes" `(B,
    N)` and "confidence" `(B, N)`, padded with -1. The numbers are those of
    `keras_cv.metrics.coco_metrics`; `pycocotools` is not needed.

    Args:
        validation_data: images with true boxes, in any form that `predict` takes
            images in: a `tf.data.Dataset`, a `keras.utils.PyDataset`, a torch
            `DataLoader`, a Grain dataset, a data set of `keras_cv.datasets` or a
            generator of batches; or arrays or lists. Elements are `(images, boxes)` or
            dicts with "images" and "bounding_boxes"; boxes are a dict of "boxes",
            "classes" and what else `coco_metrics` takes. The number of boxes may
            differ from batch to batch.
        bounding_box_format: of true and predicted boxes, see
            `keras_cv.bounding_box.convert_format`.
        cache: whether to keep the validation data in memory, as it comes, and not read
            it again each time.
        batch_size: images in a batch, of data that is not in batches yet; 32 if None.
        per_class: whether to add "val_AP@[class=0]" and "val_AP@[class=0, IoU=50]" of
            each class that there is.
        class_names: for the keys of single classes, see `coco_metrics`.

    Raises:
        ValueError: if the data has no end, or could be read only once; at the end of an
            epoch if there are no boxes in it, or none in what `predict` returns.

    Example:
        >>> rows = keras.Input((1, 6))  # its images say what is on them
        >>> found = {"boxes": rows[..., :4], "classes": rows[..., 4]}
        >>> detector = keras.Model(rows, {**found, "confidence": rows[..., 5]})
        >>> images = np.array([[[0, 0, 9, 9, 1, 0.8]]])
        >>> boxes = {"boxes": images[..., :4], "classes": images[..., 4]}
        >>> callback = keras_cv.callbacks.PyCOCOCallback((images, boxes), "xyxy")
        >>> callback.set_model(detector)  # as `fit` does
        >>> callback.on_epoch_end(epoch=0, logs=(logs := {}))
        >>> logs["val_AP"]
        1.0
    """

    def __init__(
        self,
        validation_data: Any,
        bounding_box_format: str,
        cache: bool = True,
        *,
        batch_size: int | None = None,
        per_class: bool = False,
        class_names: ClassNames | None = None,
    ) -> None:
        super().__init__()
        COCOEvaluator(bounding_box_format)  # knows the formats
        self.bounding_box_format = bounding_box_format
        self.batch_size = batch_size
        if batch_size is not None:
            self.batch_size = as_positive_int("batch_size", batch_size)
        self.per_class, self.class_names = per_class, class_names
        self._data, self._cache = validation_data, cache
        self._kept: list[tuple[Any, Any]] | None = None
        _check(validation_data, cache)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        evaluator = COCOEvaluator(self.bounding_box_format)
        batches = iter(self._batches())
        while batch := list(itertools.islice(batches, _AT_ONCE)):
            self._add(batch, evaluator)
        result = evaluator.result(
            per_class=self.per_class, class_names=self.class_names
        )
        keys = dict(zip(evaluator.names(), _KEYS, strict=True))
        if logs is not None:
            logs.update(
                (keys.get(key, key.replace("MaP", "val_AP")), value)
                for key, value in result.items()
            )

    def _add(self, batches: Sequence[tuple[Any, Any]], evaluator: Any) -> None:
        """Predicts some batches, and adds what was found."""
        found = self.model.predict(_Batches([x for x, _ in batches]), verbose=0)
        missing = {"boxes", "classes", "confidence"} - set(
            found if isinstance(found, Mapping) else ()
        )
        if missing:
            keys = sorted(found) if isinstance(found, Mapping) else type(found).__name__
            raise ValueError(
                "Expected the model's `predict` to return a dict with "
                f'"boxes", "classes" and "confidence", received {keys}. Pass a model '
                "that decodes its boxes, such as a detector of keras_cv."
            )
        first = 0
        for images, boxes in batches:
            last = first + count_samples(images)
            evaluator.update_state(
                boxes,
                {key: value[first:last] for key, value in found.items()},
                image_shape=self._image_shape(images),
            )
            first = last

    def _image_shape(self, images: Any) -> Any:
        """Returns height and width of the images, where boxes are relative to it."""
        if not is_relative(self.bounding_box_format):
            return None
        if isinstance(images, Mapping):
            images = images["images"]
        if not isinstance(images, list):
            return images.shape[1:3]
        return [image.shape[:2] for image in images]

    def _batches(self) -> Iterator[tuple[Any, Any]]:
        """Yields images and boxes."""
        if self._kept is not None:
            yield from self._kept
            return
        kept = []
        for element in _elements(self._data, self.batch_size):
            batch = _images_and_boxes(*element)
            yield batch
            if self._cache:
                kept.append(batch)
        if self._cache:
            self._kept, self._data = kept, None


class _Batches(keras.utils.PyDataset):
    """Batches of images in memory."""

    def __init__(self, batches: Sequence[Any]) -> None:
        super().__init__()
        self._all = batches

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, index: int) -> tuple[Any]:
        return (self._all[index],)


def _check(data: Any, cache: bool) -> None:
    """Raises ValueError for data that can't be read again, or to its end."""
    stream = as_stream(data)
    if stream is None:
        return
    if stream.is_count_known and stream.count() is None:
        raise ValueError(
            f"Expected validation data with an end, received a {stream.kind} without. "
            "Take some batches of it, such as by `.take(100)`."
        )
    if not (cache or stream.can_restart):
        raise ValueError(
            f"Expected validation data that can be read again, received a "
            f"{stream.kind}. Pass `cache=True`, or a dataset."
        )


def _elements(data: Any, batch_size: int | None) -> Iterator[tuple[Any, Any]]:
    """Yields what `unpack` makes of batches, without weights."""
    stream = as_stream(data, batch_size=batch_size)
    if stream is not None:
        for element in stream.open():
            x, y, _ = unpack(element)
            yield as_samples(x, "x"), as_samples(y, "y")
        return
    is_list = isinstance(data, list) and all(isinstance(x, Mapping) for x in data)
    x, y, _ = (data, None, None) if is_list else unpack(data)
    for part, boxes, _ in open_source(x, y, batch_size=batch_size):
        yield part, boxes


def _images_and_boxes(x: Any, y: Any) -> tuple[Any, Any]:
    """Returns what `predict` takes, and the true boxes."""
    if isinstance(x, list) and isinstance(x[0], Mapping):
        x = {key: [sample[key] for sample in x] for key in x[0]}
    if y is None and isinstance(x, Mapping) and "bounding_boxes" in x:
        x, y = x["images"], x["bounding_boxes"]
    if y is None:
        keys = f"a dict with {sorted(x)}" if isinstance(x, Mapping) else "images alone"
        raise ValueError(
            "Expected validation data of (images, boxes), or dicts with "
            f'"images" and "bounding_boxes"; received {keys}.'
        )
    is_alike = isinstance(x, list) and len({np.shape(image) for image in x}) == 1
    return np.stack(x) if is_alike and np.ndim(x[0]) else x, y
