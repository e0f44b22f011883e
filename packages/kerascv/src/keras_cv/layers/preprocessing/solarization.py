"""Inverts what is bright."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.statistics import Statistics
from keras_cv.core.factor_sampler import Factor, as_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ValueAugmentation


@serializable("kerascv")
class Solarization(ValueAugmentation):
    """Adds to all values, then inverts those at or above a threshold.

    Both factors are in levels of 0 to 255, whatever the value range is.

    Args:
        value_range: see `ColorAugmentation`.
        addition_factor: what is added: `f` for [0, f], a pair in [0, 255], or a
            `FactorSampler`.
        threshold_factor: the threshold, likewise.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        addition_factor: Factor = 0.0,
        threshold_factor: Factor = 0.0,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        self.addition_factor = as_factor("addition_factor", addition_factor, 0, 255)
        self.threshold_factor = as_factor("threshold_factor", threshold_factor, 0, 255)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {
            "addition": self.addition_factor.draw(draws),
            "threshold": self.threshold_factor.draw(draws),
        }

    def change_values(
        self,
        values: Any,
        parameters: Parameters,
        statistics: Statistics,
        ops: Operations,
    ) -> Any:
        low, high = self.value_range
        level = (high - low) / 255.0
        values = ops.clip(values + parameters["addition"] * level, low, high)
        threshold = low + parameters["threshold"] * level
        # A sum, as choosing takes TensorFlow five times as long.
        is_inverted = ops.cast(values >= threshold, "float32")
        return values + is_inverted * (low + high - 2.0 * values)
