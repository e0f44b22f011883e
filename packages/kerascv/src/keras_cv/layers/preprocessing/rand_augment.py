"""Applies a few changes of one strength to each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_fraction
from domain_core.serialization import serializable
from keras_cv.augmentation.apply_transform import box_format
from keras_cv.augmentation.batch import Batch
from keras_cv.core.factor_sampler import NormalFactorSampler
from keras_cv.layers.preprocessing.auto_contrast import AutoContrast
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
)
from keras_cv.layers.preprocessing.equalization import Equalization
from keras_cv.layers.preprocessing.random_augmentation_pipeline import (
    RandomAugmentationPipeline,
)
from keras_cv.layers.preprocessing.random_brightness import RandomBrightness
from keras_cv.layers.preprocessing.random_color_degeneration import (
    RandomColorDegeneration,
)
from keras_cv.layers.preprocessing.random_contrast import RandomContrast
from keras_cv.layers.preprocessing.random_shear import RandomShear
from keras_cv.layers.preprocessing.random_translation import RandomTranslation
from keras_cv.layers.preprocessing.solarization import Solarization


@serializable("kerascv")
class RandAugment(RandomAugmentationPipeline):
    """Applies layers that are drawn from a fixed list, all about equally strong.

    The list: auto contrast, equalization, solarization, loss of colour, contrast and
    brightness; shear and translation along x or y too if `geometric`.

    Args:
        value_range: see `ColorAugmentation`.
        augmentations_per_image: how many are drawn for each image, the same one again
            perhaps.
        magnitude: how strong they are on average, in [0, 1].
        magnitude_stddev: standard deviation of the strength, in [0, 1].
        rate: how likely each that is drawn is to be applied, in [0, 1].
        geometric: whether images may be moved.
        seed: see `BaseImageAugmentationLayer`.
        bounding_box_format: of the boxes; needed if there are any and `geometric`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> import keras_cv, numpy as np
        >>> augment = keras_cv.layers.RandAugment(value_range=(0, 255), seed=0)
        >>> augment(np.zeros((2, 32, 32, 3), "uint8")).shape
        (2, 32, 32, 3)

    Reference:
        [Cubuk et al., 2019](https://arxiv.org/abs/1909.13719)
    """

    _draws_ahead = 32
    _layers_have_seeds = False
    _unused_arguments = ("auto_vectorize",)

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        augmentations_per_image: int = 3,
        magnitude: float = 0.5,
        magnitude_stddev: float = 0.15,
        rate: float = 10 / 11,
        geometric: bool = True,
        seed: int | None = None,
        bounding_box_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        layers = self.get_standard_policy(
            value_range,
            magnitude,
            magnitude_stddev,
            geometric,
            bounding_box_format=bounding_box_format,
        )
        super().__init__(layers, augmentations_per_image, rate, seed=seed, **kwargs)
        self.value_range = tuple(value_range)
        self.magnitude = float(magnitude)
        self.magnitude_stddev = float(magnitude_stddev)
        self.geometric = bool(geometric)
        self.bounding_box_format = bounding_box_format

    @staticmethod
    def get_standard_policy(
        value_range: Sequence[float],
        magnitude: float,
        magnitude_stddev: float,
        geometric: bool = True,
        seed: int | None = None,
        bounding_box_format: str | None = None,
    ) -> list[BaseImageAugmentationLayer]:
        """Returns the list of layers, for a `RandomAugmentationPipeline` of your own.

        Args:
            value_range: as of the constructor, like all that follow.
            magnitude: mean strength.
            magnitude_stddev: standard deviation of the strength.
            geometric: whether to add those that move images.
            seed: of each layer.
            bounding_box_format: of boxes.

        Raises:
            ValueError: if an argument is out of range.
        """
        strength = as_fraction("magnitude", magnitude)
        deviation = as_fraction("magnitude_stddev", magnitude_stddev)
        factor = NormalFactorSampler(strength, deviation, 0.0, 1.0)
        colors: dict[str, Any] = {"value_range": value_range, "seed": seed}
        layers: list[BaseImageAugmentationLayer] = [
            AutoContrast(value_range),
            Equalization(value_range),
            Solarization(
                addition_factor=NormalFactorSampler(
                    110 * strength, 110 * deviation, 0, 110
                ),
                threshold_factor=NormalFactorSampler(
                    255 - 255 * strength, 255 * deviation, 0, 255
                ),
                **colors,
            ),
            RandomColorDegeneration(factor, **colors),
            RandomContrast(factor=strength, **colors),
            RandomBrightness(strength, **colors),
        ]
        if geometric:
            moves: dict[str, Any] = {
                "bounding_box_format": bounding_box_format,
                "seed": seed,
            }
            layers += [
                RandomShear(x_factor=factor, **moves),
                RandomShear(y_factor=factor, **moves),
                RandomTranslation(0.0, strength, **moves),
                RandomTranslation(strength, 0.0, **moves),
            ]
        return layers

    def check(self, batch: Batch) -> None:
        super().check(batch)
        if self.geometric and batch.boxes is not None:
            box_format(self.bounding_box_format, type(self).__name__)
