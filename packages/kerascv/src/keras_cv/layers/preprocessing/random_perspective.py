"""Looks at images from the side."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_fraction
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.transform import Transform, as_matrix, scaling
from keras_cv.core.factor_sampler import Factor, as_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.geometric_augmentation import FillingAugmentation

# More, and what was a rectangle might be no convex quadrangle.
_LARGEST_SHIFT = 0.25


@serializable("kerascv")
class RandomPerspective(FillingAugmentation):
    """Moves each corner of an image inwards, and all between as seen from the side.

    Args:
        factor: how likely an image is to be changed, in [0, 1]: `f` for that rate, a
            pair or a `FactorSampler` to draw it.
        scale: how far corners move at most, in [0, 1]; 1 is a quarter of the width and
            of the height.
        interpolation: see `FillingAugmentation`.
        fill_value: see `FillingAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        fill_mode: see `FillingAugmentation`.
        bounding_box_format: see `GeometricAugmentation`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        *,
        fill_mode: str = "constant",
        bounding_box_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, fill_value, bounding_box_format, seed, **kwargs
        )
        if isinstance(factor, int | float):
            factor = (factor, factor)
        self.factor = as_factor("factor", factor)
        self.scale = as_fraction("scale", scale)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        ops = draws.ops
        is_changed = draws.uniform() < self.factor.draw(draws)
        shifts = draws.uniform(8) * (self.scale * _LARGEST_SHIFT)
        return {"shifts": ops.where(is_changed[:, None], shifts, 0.0)}

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        height, width = sizes[:, 0], sizes[:, 1]
        there = ops.matmul(
            _square_to_corners(parameters["shifts"], ops),
            scaling(1.0 / width, 1.0 / height, ops),
        )
        return self.filled(ops.matmul(scaling(width, height, ops), there))


def _square_to_corners(shifts: Any, ops: Operations) -> Any:
    """Returns the matrices that move the corners of the unit square inwards.

    Args:
        shifts: float32 `(B, 8)`, how far: x and y of top left, top right, bottom right
            and bottom left.
        ops: functions of the arrays.
    """
    left_x, left_y, right_x, right_y, low_x, low_y, end_x, end_y = (
        shifts[:, i] for i in range(8)
    )
    x = [left_x, 1.0 - right_x, 1.0 - low_x, end_x]
    y = [left_y, right_y, 1.0 - low_y, 1.0 - end_y]
    # What is left over if it is no parallelogram makes up the last row.
    rest_x, rest_y = x[0] - x[1] + x[2] - x[3], y[0] - y[1] + y[2] - y[3]
    across_x, across_y = x[1] - x[2], y[1] - y[2]
    down_x, down_y = x[3] - x[2], y[3] - y[2]
    area = across_x * down_y - down_x * across_y
    g = (rest_x * down_y - down_x * rest_y) / area
    h = (across_x * rest_y - rest_x * across_y) / area
    rows = [
        [x[1] - x[0] + g * x[1], x[3] - x[0] + h * x[3], x[0]],
        [y[1] - y[0] + g * y[1], y[3] - y[0] + h * y[3], y[0]],
        [g, h, 1.0],
    ]
    return as_matrix(rows, ops)
