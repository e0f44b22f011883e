"""Zooms in and out."""

from __future__ import annotations

import math
from typing import Any

from domain_core.arguments import is_finite
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.transform import Transform, about, scaling
from keras_cv.core.factor_sampler import Factor, as_signed_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.geometric_augmentation import FillingAugmentation

# Of the image, what is seen of it at least.
_SMALLEST_PART = 0.01


@serializable("kerascv")
class RandomZoom(FillingAugmentation):
    """Makes what is in images larger or smaller, about their centre.

    What is seen of an image is `1 + factor` of its height and width: a factor of -0.5
    makes all twice as large, one of 1 half as large.

    Args:
        height_factor: out if positive, in if negative: `f` for [-f, f], a pair of -1 or
            more in either order, or a `FactorSampler`. No less than a hundredth is
            seen.
        width_factor: likewise of the width, drawn by itself; None keeps the aspect
            ratio.
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
        width_factor: Factor | None = None,
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
        limits = (-1.0, math.inf)
        self.height_factor = as_signed_factor(
            "height_factor", _in_order(height_factor), *limits
        )
        self.width_factor = (
            None
            if width_factor is None
            else as_signed_factor("width_factor", _in_order(width_factor), *limits)
        )

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        height = self.height_factor.draw(draws)
        width = height if self.width_factor is None else self.width_factor.draw(draws)
        return {"height": height, "width": width}

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        x, y = (
            1.0 / ops.maximum(1.0 + parameters[name], _SMALLEST_PART)
            for name in ("width", "height")
        )
        matrix = about(scaling(x, y, ops), sizes[:, 1] / 2, sizes[:, 0] / 2, ops)
        return self.filled(matrix, is_axis_aligned=True)


def _in_order(factor: Any) -> Any:
    """Returns a pair with the smaller number first: "20 to 30 % in" is (-0.2, -0.3)."""
    is_pair = isinstance(factor, list | tuple) and len(factor) == 2
    return sorted(factor) if is_pair and all(map(is_finite, factor)) else factor
