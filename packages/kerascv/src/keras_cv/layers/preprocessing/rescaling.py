"""Scales values."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_finite
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.statistics import Statistics
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ValueAugmentation


@serializable("kerascv")
class Rescaling(ValueAugmentation):
    """Multiplies all values, then adds to them; float32 comes out.

    Args:
        scale: the factor, such as 1 / 255.
        offset: what is added.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is no number.
    """

    is_random = False
    _unused_arguments = ("seed", "value_range")
    result_dtype = "float32"

    def __init__(self, scale: float, offset: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = as_finite("scale", scale)
        self.offset = as_finite("offset", offset)

    def change_values(
        self,
        values: Any,
        parameters: Parameters,
        statistics: Statistics,
        ops: Operations,
    ) -> Any:
        return values * self.scale + self.offset

    def check(self, batch: Batch) -> None:
        """Any range of values will do."""
