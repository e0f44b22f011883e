"""Figures of whole images that changes of their values depend on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from domain_core.arrays import operations
from domain_core.arrays.operations import Operations
from keras_cv.augmentation.numpy_warp import CHANNELS


class Statistics:
    """Figures of each image and channel, computed when asked for.

    Args:
        values: float `(B, N, C)`, of all pixels.
        ops: functions of the array.
        height: of the images.
    """

    def __init__(self, values: Any, ops: Operations, height: Any) -> None:
        self._values = values
        self._ops = ops
        self._height = height

    @classmethod
    def of_images(cls, images: Any) -> Statistics:
        """Returns those of uint8 images on the host, from their histograms."""
        return _HistogramStatistics(images)

    @property
    def minimum(self) -> Any:
        """Smallest values `(B, 1, C)`."""
        return self._reduced(self._values, self._ops.min)

    @property
    def maximum(self) -> Any:
        """Largest values `(B, 1, C)`."""
        return self._reduced(self._values, self._ops.max)

    @property
    def mean(self) -> Any:
        """Means `(B, 1, C)`."""
        return self.mean_of(lambda values: values)

    def mean_of(self, function: Callable[[Any], Any]) -> Any:
        """Returns means `(B, 1, C)` of what a function makes of each value."""
        return self._reduced(function(self._values), self._ops.mean)

    def _reduced(self, values: Any, reduce: Callable[..., Any]) -> Any:
        ops = self._ops
        batch, _, channels = ops.shape(values)
        # Whole rows first, which lie side by side in memory.
        rows = ops.reshape(values, (batch, self._height, -1))
        columns = ops.reshape(reduce(rows, axis=1), (batch, -1, channels))
        return reduce(columns, axis=1, keepdims=True)

    def histogram(self, low: float, high: float, bins: int) -> Any:
        """Returns how many values lie in each bin, float32 `(B, bins, C)`.

        Values are those of `low` to `high`, rounded to one of `bins` levels.
        """
        ops = self._ops
        level = nearest_level(self._values, low, high, bins, ops)
        batch, _, channels = ops.shape(level)
        index = _entries(level, (batch, bins, channels), ops)
        counts = count(index, batch * channels * bins, ops)
        counts = ops.reshape(counts, (batch, channels, bins))
        return ops.transpose(counts, (0, 2, 1))


class _HistogramStatistics(Statistics):
    """The figures of uint8 images, all from how often they hold each level."""

    def __init__(self, images: Any) -> None:
        self._images = images

    @functools.cached_property
    def _counts(self) -> np.ndarray:
        """Float32 `(B, 256, C)`."""
        import cv2

        def counts(image: np.ndarray) -> np.ndarray:
            found = np.empty((256, image.shape[-1]), "float32")
            for start in range(0, image.shape[-1], CHANNELS):
                # Of few channels: OpenCV takes a limited number.
                part = np.ascontiguousarray(image[..., start : start + CHANNELS])
                for channel in range(part.shape[-1]):
                    counted = cv2.calcHist([part], [channel], None, [256], [0, 256])
                    found[:, start + channel] = counted.ravel()
            return found

        return np.stack(list(map(counts, self._images)))

    # Without counting, which takes three times as long.
    @property
    def minimum(self) -> Any:
        return self._of_columns(lambda values: values.min(axis=0))

    @property
    def maximum(self) -> Any:
        return self._of_columns(lambda values: values.max(axis=0))

    @property
    def mean(self) -> Any:
        import cv2

        if self._images[0].shape[-1] > CHANNELS:
            return super().mean
        means = np.array([cv2.mean(image) for image in self._images], "float32")
        return means[:, None, : self._images[0].shape[-1]]

    def _of_columns(self, reduce: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        figures = []
        for image in self._images:
            columns = reduce(image.reshape(len(image), -1))
            figures.append(reduce(columns.reshape(-1, image.shape[-1])))
        return np.stack(figures)[:, None].astype("float32")

    def mean_of(self, function: Callable[[Any], Any]) -> Any:
        changed = function(np.arange(256, dtype="float32")[None, :, None])
        totals = (self._counts * changed.astype("float64")).sum(axis=1, keepdims=True)
        return (totals / self._counts.sum(axis=1, keepdims=True)).astype("float32")

    def histogram(self, low: float, high: float, bins: int) -> Any:
        if (low, high, bins) == (0, 255, 256):
            return self._counts
        level = np.rint((np.arange(256) - low) * ((bins - 1) / (high - low)))
        level = np.clip(level, 0, bins - 1)
        of_bin = (level == np.arange(bins)[:, None]).astype("float32")  # (bins, 256)
        return of_bin @ self._counts


def nearest_level(
    values: Any, low: float, high: float, bins: int, ops: Operations
) -> Any:
    """Returns which of `bins` levels is nearest, int32; the lowest one for NaN."""
    level = ops.round((values - low) * ((bins - 1) / (high - low)))
    level = ops.clip(level, 0.0, bins - 1.0)
    # NaN becomes some integer, which one depends on the library.
    with np.errstate(invalid="ignore"):
        level = ops.cast(level, "int32")
    return ops.clip(level, 0, bins - 1)


def count(index: Any, size: Any, ops: Operations) -> Any:
    """Returns how often each number below `size` occurs in `index`, float32."""
    if ops is operations.NUMPY:
        return np.bincount(index, minlength=size).astype("float32")
    ones = ops.ones_like(index, "float32")
    if isinstance(ops, operations.TensorFlowOperations):
        return ops.bincount(index, ones, size)
    if keras.backend.backend() == "torch":
        # What Keras does there is ten times slower.
        return ones.new_zeros(size).index_add(0, index, ones)
    return ops.segment_sum(ones, index, size)


def look_up(table: Any, index: Any, ops: Operations) -> Any:
    """Returns entries of tables `(B, bins, C)` at places, int32 `(B, N, C or 1)`."""
    places = _entries(index, ops.shape(table), ops)
    entries = ops.reshape(ops.transpose(table, (0, 2, 1)), (-1,))
    if ops is operations.KERAS and keras.backend.backend() == "torch":
        looked_up = entries.index_select(0, places)  # Keras looks for negative ones
    else:
        looked_up = ops.take(entries, places, axis=0)
    batch, _, channels = ops.shape(table)
    return ops.reshape(looked_up, (batch, -1, channels))


def _entries(index: Any, shape: Any, ops: Operations) -> Any:
    """Returns places `(B, N, C or 1)` in tables `(B, bins, C)`, in all `(B, C, bins)`.

    Returns:
        int32 `(B * N * C,)`.
    """
    batch, bins, channels = shape
    tables = ops.arange(batch * channels, dtype="int32") * bins
    return ops.reshape(ops.reshape(tables, (batch, 1, channels)) + index, (-1,))
