"""Equalizes the histograms of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.statistics import Statistics, look_up, nearest_level
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ValueAugmentation


@serializable("kerascv")
class Equalization(ValueAugmentation):
    """Spreads the values of each channel so that all levels are about equally common.

    Args:
        value_range: see `ColorAugmentation`.
        bins: number of levels that values are rounded to, 2 to 65,536.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    is_random = False

    def __init__(
        self, value_range: Sequence[float] = (0, 255), bins: int = 256, **kwargs: Any
    ) -> None:
        super().__init__(value_range, **kwargs)
        self.bins = as_positive_int("bins", bins, at_most=65536)
        if self.bins == 1:
            raise ValueError("Expected `bins` to be 2 or more, received 1.")

    def change_values(
        self,
        values: Any,
        parameters: Parameters,
        statistics: Statistics,
        ops: Operations,
    ) -> Any:
        low, high = self.value_range
        last = self.bins - 1
        counts = statistics.histogram(low, high, self.bins)  # (B, bins, C)
        total = ops.sum(counts, axis=1, keepdims=True)
        reached = ops.cumsum(counts, axis=1)
        # All pixels but those of the highest level there is, spread over the levels.
        levels = ops.cast(ops.arange(self.bins, dtype="int32"), "float32")[
            None, :, None
        ]
        highest = ops.max(ops.where(counts > 0, levels, 0.0), axis=1, keepdims=True)
        of_highest = ops.sum(
            ops.where(levels == highest, counts, 0.0), 1, keepdims=True
        )
        step = ops.floor((total - of_highest) / last)
        safe = ops.maximum(step, 1.0)
        table = ops.floor((reached - counts + ops.floor(safe / 2)) / safe)
        # Where there is nothing to spread, levels stay.
        table = ops.where(step > 0, ops.clip(table, 0.0, float(last)), levels)
        table = table * ((high - low) / last) + low
        index = nearest_level(values, low, high, self.bins, ops)
        return look_up(table, index, ops)
