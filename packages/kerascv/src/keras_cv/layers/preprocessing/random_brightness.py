"""Makes images brighter or darker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.statistics import Statistics
from keras_cv.core.factor_sampler import Factor, as_signed_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ValueAugmentation


@serializable("kerascv")
class RandomBrightness(ValueAugmentation):
    """Adds one number to all values of an image.

    Args:
        factor: the number as a fraction of the value range: `f` for [-f, f], a pair in
            [-1, 1], or a `FactorSampler`.
        value_range: see `ColorAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        self.factor = as_signed_factor("factor", factor)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {"factor": self.factor.draw(draws)}

    def change_values(
        self,
        values: Any,
        parameters: Parameters,
        statistics: Statistics,
        ops: Operations,
    ) -> Any:
        low, high = self.value_range
        return ops.clip(values + parameters["factor"] * (high - low), low, high)
