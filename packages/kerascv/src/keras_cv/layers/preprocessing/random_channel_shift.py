"""Shifts the values of each channel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.statistics import Statistics
from keras_cv.core.factor_sampler import Factor, as_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ValueAugmentation


@serializable("kerascv")
class RandomChannelShift(ValueAugmentation):
    """Adds a number of its own to each channel, or subtracts it.

    Args:
        value_range: see `ColorAugmentation`.
        factor: strength in [0, 1]: half of it, as a fraction of the value range, is
            added or subtracted. `f` for [0, f], a pair, or a `FactorSampler`.
        channels: number of channels of the images.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range, or images have other channels.
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        factor: Factor = 0.5,
        channels: int = 3,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        self.factor = as_factor("factor", factor)
        self.channels = as_positive_int("channels", channels)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        ops = draws.ops
        sizes = [self.factor.draw(draws) for _ in range(self.channels)]
        signs = ops.where(draws.uniform(self.channels) < 0.5, -0.5, 0.5)
        return {"shift": ops.stack(sizes, axis=1) * ops.cast(signs, "float32")}

    def change_values(
        self,
        values: Any,
        parameters: Parameters,
        statistics: Statistics,
        ops: Operations,
    ) -> Any:
        low, high = self.value_range
        return ops.clip(values + parameters["shift"] * (high - low), low, high)

    def check(self, batch: Batch) -> None:
        super().check(batch)
        if batch.images[0].shape[-1] != self.channels:
            raise ValueError(
                f"RandomChannelShift has channels={self.channels}, received images of "
                f"shape {tuple(batch.images[0].shape)}."
            )
