"""Reduces the number of levels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.statistics import Statistics
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ValueAugmentation


@serializable("kerascv")
class Posterization(ValueAugmentation):
    """Keeps the highest bits of each value, as one of 256 levels.

    Args:
        value_range: see `ColorAugmentation`.
        bits: how many bits to keep, 1 to 8.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    is_random = False

    def __init__(
        self, value_range: Sequence[float] = (0, 255), bits: int = 4, **kwargs: Any
    ) -> None:
        super().__init__(value_range, **kwargs)
        self.bits = as_positive_int("bits", bits, at_most=8)

    def change_values(
        self,
        values: Any,
        parameters: Parameters,
        statistics: Statistics,
        ops: Operations,
    ) -> Any:
        return posterize(values, 2.0 ** (8 - self.bits), self.value_range, ops)


def posterize(
    values: Any, step: Any, value_range: tuple[float, float], ops: Operations
) -> Any:
    """Rounds down to multiples of a step, in levels of 0 to 255."""
    low, high = value_range
    # A level that was divided by 255 may come back a little below itself.
    level = (values - low) * (255.0 / (high - low)) + 1e-3
    return ops.floor(level / step) * step * ((high - low) / 255.0) + low
