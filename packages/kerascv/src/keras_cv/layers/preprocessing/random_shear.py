"""Slants images."""

from __future__ import annotations

import math
import warnings
from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.transform import Transform, about, as_matrix
from keras_cv.core.factor_sampler import Factor, FactorSampler, as_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.geometric_augmentation import (
    FillingAugmentation,
    along,
)


@serializable("kerascv")
class RandomShear(FillingAugmentation):
    """Slants images along x, y or both, to either side.

    The centre of the first pixel stays where it is. Of both, x comes first.

    Args:
        x_factor: pixels to the side for each pixel down: `f` for [0, f], a pair of 0 or
            more, or a `FactorSampler`. The sign is drawn. None for none.
        y_factor: pixels down or up for each pixel to the right; likewise.
        interpolation: see `FillingAugmentation`.
        fill_mode: see `FillingAugmentation`.
        fill_value: see `FillingAugmentation`.
        bounding_box_format: see `GeometricAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        x_factor: Factor | None = None,
        y_factor: Factor | None = None,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        bounding_box_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, fill_value, bounding_box_format, seed, **kwargs
        )
        if x_factor is None and y_factor is None:
            warnings.warn(
                "RandomShear without `x_factor` and `y_factor` changes nothing. Pass "
                "one of them.",
                stacklevel=2,
            )
        self.x_factor = _as_shear("x_factor", x_factor)
        self.y_factor = _as_shear("y_factor", y_factor)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {
            axis: _signed(factor, draws)
            for axis, factor in (("x", self.x_factor), ("y", self.y_factor))
        }

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        x, y = parameters["x"], parameters["y"]
        # Upstream's numbers: they are of the way back, from the output to the input.
        along_x = as_matrix([[1.0, -x, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], ops)
        along_y = as_matrix([[1.0, 0.0, 0.0], [-y, 1.0, 0.0], [0.0, 0.0, 1.0]], ops)
        half = x * 0.0 + 0.5
        matrix = about(ops.matmul(along_y, along_x), half, half, ops)
        return self.filled(matrix, along=along(self.x_factor, self.y_factor))


def _as_shear(name: str, factor: Factor | None) -> FactorSampler | None:
    return None if factor is None else as_factor(name, factor, 0.0, math.inf)


def _signed(factor: FactorSampler | None, draws: Draws) -> Any:
    if factor is None:
        return draws.ops.zeros((draws.batch,), "float32")
    sizes = factor.draw(draws)
    return draws.ops.where(draws.uniform() < 0.5, -sizes, sizes)
