"""Raises or lowers contrast."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.statistics import Statistics
from keras_cv.core.factor_sampler import (
    Factor,
    FactorSampler,
    as_factor,
    as_written,
)
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ValueAugmentation

_LARGEST = 100.0


@serializable("kerascv")
class RandomContrast(ValueAugmentation):
    """Multiplies the distance of all values from the mean of their channel.

    Args:
        value_range: see `ColorAugmentation`.
        factor: `f` multiplies by a number in [1 - f, 1 + f], a pair `(l, u)` in
            [1 - l, 1 + u], 0 or more; a `FactorSampler` draws what is added to 1.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        factor: Factor = 0.5,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        self.factor = as_contrast_factor("factor", factor)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {"factor": 1.0 + self.factor.draw(draws)}

    def change_values(
        self,
        values: Any,
        parameters: Parameters,
        statistics: Statistics,
        ops: Operations,
    ) -> Any:
        mean = statistics.mean
        factor = parameters["factor"]
        changed = values * factor + mean * (1.0 - factor)
        return ops.clip(changed, *self.value_range)


def as_contrast_factor(name: str, factor: Factor) -> FactorSampler:
    """Returns the distribution of what is added to 1, -1 or more."""
    written = factor
    if isinstance(factor, numbers.Real) and not isinstance(factor, bool):
        factor = (float(factor), float(factor))
    if (
        isinstance(factor, Sequence)
        and len(factor) == 2
        and not isinstance(factor, str)
    ):
        low, high = factor
        if isinstance(low, numbers.Real) and isinstance(high, numbers.Real):
            if low < 0 or high < 0:
                raise ValueError(
                    f"Expected `{name}` to be 0 or more, or a pair of such (how much "
                    f"to lower and to raise at most); received {factor!r}."
                )
            factor = (-min(float(low), 1.0), float(high))
            sampler = as_factor(name, factor, -1.0, _LARGEST)
            return as_written(sampler, written)
    return as_factor(name, factor, -1.0, _LARGEST)
