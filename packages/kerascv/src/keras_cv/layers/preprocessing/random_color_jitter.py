"""Changes brightness, contrast, saturation and hue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.statistics import Statistics
from keras_cv.core.factor_sampler import Factor, as_factor, as_signed_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import (
    ColorAugmentation,
    by_channel,
)
from keras_cv.layers.preprocessing.grayscale import check_colors
from keras_cv.layers.preprocessing.random_contrast import as_contrast_factor
from keras_cv.layers.preprocessing.random_hue import draw_hue
from keras_cv.layers.preprocessing.random_saturation import draw_saturation


@serializable("kerascv")
class RandomColorJitter(ColorAugmentation):
    """Changes brightness, then contrast, saturation and hue.

    It does what the four layers do, in this order, but rounds uint8 images once.

    Args:
        value_range: see `ColorAugmentation`.
        brightness_factor: see `RandomBrightness`.
        contrast_factor: see `RandomContrast`.
        saturation_factor: see `RandomSaturation`.
        hue_factor: see `RandomHue`.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range, or images have no three channels.
    """

    def __init__(
        self,
        value_range: Sequence[float],
        brightness_factor: Factor,
        contrast_factor: Factor,
        saturation_factor: Factor,
        hue_factor: Factor,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        self.brightness_factor = as_signed_factor(
            "brightness_factor", brightness_factor
        )
        self.contrast_factor = as_contrast_factor("contrast_factor", contrast_factor)
        self.saturation_factor = as_factor("saturation_factor", saturation_factor)
        self.hue_factor = as_factor("hue_factor", hue_factor)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {
            "brightness": self.brightness_factor.draw(draws),
            "contrast": 1.0 + self.contrast_factor.draw(draws),
            "saturation": draw_saturation(self.saturation_factor, draws),
            "hue": draw_hue(self.hue_factor, draws),
        }

    def augment_images(self, batch: Batch, parameters: Parameters) -> Any:
        values = {name: parameters[name] for name in ("brightness", "contrast")}
        return batch.engine.adjust_hsv(
            batch.images,
            self.value_range,
            parameters["hue"],
            parameters["saturation"],
            function=self._change_values,
            parameters=by_channel(values, batch.engine.ops),
        )

    def _change_values(
        self,
        values: Any,
        parameters: Parameters,
        statistics: Statistics,
        ops: Operations,
    ) -> Any:
        low, high = self.value_range

        def brighten(values: Any) -> Any:
            shifted = values + parameters["brightness"] * (high - low)
            return ops.clip(shifted, low, high)

        mean = statistics.mean_of(brighten)
        changed = (brighten(values) - mean) * parameters["contrast"] + mean
        return ops.clip(changed, low, high)

    def check(self, batch: Batch) -> None:
        super().check(batch)
        check_colors(batch, type(self).__name__)
