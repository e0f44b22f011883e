"""Stretches the contrast of images."""

from __future__ import annotations

from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.statistics import Statistics
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ValueAugmentation


@serializable("kerascv")
class AutoContrast(ValueAugmentation):
    """Stretches each channel until it fills the value range.

    Its smallest value becomes the smallest of the range, its largest the largest.
    Channels of one value stay.

    Args:
        value_range: see `ColorAugmentation`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if the range is none.
    """

    is_random = False

    def change_values(
        self,
        values: Any,
        parameters: Parameters,
        statistics: Statistics,
        ops: Operations,
    ) -> Any:
        low, high = self.value_range
        smallest, largest = statistics.minimum, statistics.maximum
        extent = largest - smallest
        is_flat = extent <= 0  # and stays as it is
        scale = ops.where(is_flat, 1.0, (high - low) / ops.where(is_flat, 1.0, extent))
        smallest = ops.where(is_flat, low, smallest)
        return (values - smallest) * scale + low
