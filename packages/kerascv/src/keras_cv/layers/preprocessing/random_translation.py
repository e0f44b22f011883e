"""Shifts images."""

from __future__ import annotations

from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.transform import Transform, translation
from keras_cv.core.factor_sampler import Factor, as_signed_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.geometric_augmentation import (
    FillingAugmentation,
    along,
)


@serializable("kerascv")
class RandomTranslation(FillingAugmentation):
    """Shifts images up or down, and to the left or right.

    Args:
        height_factor: how far down, up if negative, as a fraction of the height: `f`
            for [-f, f], a pair in [-1, 1], or a `FactorSampler`.
        width_factor: how far to the right, to the left if negative, as a fraction of
            the width; likewise.
        fill_mode: see `FillingAugmentation`.
        interpolation: see `FillingAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        fill_value: see `FillingAugmentation`.
        bounding_box_format: see `GeometricAugmentation`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        bounding_box_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, fill_value, bounding_box_format, seed, **kwargs
        )
        self.height_factor = as_signed_factor("height_factor", height_factor)
        self.width_factor = as_signed_factor("width_factor", width_factor)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {
            "height": self.height_factor.draw(draws),
            "width": self.width_factor.draw(draws),
        }

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        x = parameters["width"] * sizes[:, 1]
        y = parameters["height"] * sizes[:, 0]
        return self.filled(
            translation(x, y, ops),
            is_axis_aligned=True,
            along=along(self.width_factor, self.height_factor),
        )
