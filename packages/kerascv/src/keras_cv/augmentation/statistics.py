"""Figures of whole images that changes of their values depend on."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_cv import array_ops


class Statistics:
    """Figures of each image and channel, computed when asked for.

    Args:
        values: float `(B, N, C)`, of all pixels.
        ops: functions of the array.
    """

    def __init__(self, values: Any, ops: Any) -> None:
        self._values = values
        self._ops = ops

    @classmethod
    def of_images(cls, images: Any) -> Statistics:
        """Returns those of uint8 images on the host, from their histograms."""
        return _HistogramStatistics(images)

    @property
    def minimum(self) -> Any:
        """Smallest values `(B, 1, C)`."""
        return self._ops.min(self._values, axis=1, keepdims=True)

    @property
    def maximum(self) -> Any:
        """Largest values `(B, 1, C)`."""
        return self._ops.max(self._values, axis=1, keepdims=True)

    @property
    def mean(self) -> Any:
        """Means `(B, 1, C)`."""
        return self.mean_of(lambda values: values)

    def mean_of(self, function: Callable[[Any], Any]) -> Any:
        """Returns means `(B, 1, C)` of what a function makes of each value."""
        return self._ops.mean(function(self._values), axis=1, keepdims=True)

    def histogram(self, low: float, high: float, bins: int) -> Any:
        """Returns how many values lie in each bin, float32 `(B, bins, C)`.

        Values are those of `low` to `high`, rounded to one of `bins` levels.
        """
        ops = self._ops
        level = nearest_level(self._values, low, high, bins, ops)
        batch, _, channels = ops.shape(level)
        groups = ops.reshape(ops.arange(batch * channels), (batch, 1, channels))
        index = ops.reshape(ops.cast(groups, "int32") * bins + level, (-1,))
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
            return np.stack(
                [
                    cv2.calcHist([image], [channel], None, [256], [0, 256]).ravel()
                    for channel in range(image.shape[-1])
                ],
                axis=1,
            )

        return np.stack([counts(np.ascontiguousarray(x)) for x in self._images])

    @property
    def minimum(self) -> Any:
        return np.argmax(self._counts > 0, axis=1)[:, None].astype("float32")

    @property
    def maximum(self) -> Any:
        return 255 - np.argmax(self._counts[:, ::-1] > 0, axis=1)[:, None].astype(
            "float32"
        )

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


def nearest_level(values: Any, low: float, high: float, bins: int, ops: Any) -> Any:
    """Returns which of `bins` levels is nearest, int32; the lowest one for NaN."""
    level = ops.round((values - low) * ((bins - 1) / (high - low)))
    level = ops.where(level > 0, ops.minimum(level, bins - 1.0), 0.0)
    return ops.cast(level, "int32")


def count(index: Any, size: Any, ops: Any) -> Any:
    """Returns how often each number below `size` occurs in `index`, float32."""
    if ops is array_ops.NUMPY:
        return np.bincount(index, minlength=size).astype("float32")
    ones = ops.ones_like(index, "float32")
    if isinstance(ops, array_ops.TensorFlowOps):
        return ops.math.unsorted_segment_sum(ones, index, size)
    if keras.backend.backend() == "torch":
        # What Keras does there is ten times slower.
        return ones.new_zeros(size).index_add(0, index, ones)
    return ops.segment_sum(ones, index, size)


def look_up(table: Any, index: Any, ops: Any) -> Any:
    """Returns entries of tables `(B, bins, C)` at places, int32 `(B, N, C)`."""
    if ops is keras.ops and keras.backend.backend() == "torch":
        return table.gather(1, index.long())  # likewise
    by_channel, places = (ops.transpose(x, (0, 2, 1)) for x in (table, index))
    return ops.transpose(ops.take_along_axis(by_channel, places, axis=2), (0, 2, 1))
