"""Flips images."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_fraction, check_choices
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.transform import Transform, as_matrix
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.geometric_augmentation import GeometricAugmentation

_MODES = ("horizontal", "vertical", "horizontal_and_vertical")


@serializable("kerascv")
class RandomFlip(GeometricAugmentation):
    """Flips images from left to right, upside down, or both.

    Args:
        mode: "horizontal", "vertical" or "horizontal_and_vertical", each drawn by
            itself.
        rate: how likely an image is to be flipped, in [0, 1].
        seed: see `BaseImageAugmentationLayer`.
        bounding_box_format: see `GeometricAugmentation`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> import numpy as np, keras_cv
        >>> flip = keras_cv.layers.RandomFlip(rate=1.0)
        >>> flip(np.arange(3, dtype="uint8").reshape(1, 3, 1))[..., 0].tolist()
        [[2, 1, 0]]
    """

    def __init__(
        self,
        mode: str = "horizontal",
        rate: float = 0.5,
        seed: int | None = None,
        bounding_box_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(bounding_box_format, seed, **kwargs)
        check_choices(mode=(mode, _MODES))
        self.mode = mode
        self.rate = as_fraction("rate", rate)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        flips = draws.uniform(2) < self.rate
        parameters = {"flip_x": flips[:, 0], "flip_y": flips[:, 1]}
        never = flips[:, 0] & False
        if self.mode == "horizontal":
            parameters["flip_y"] = never
        elif self.mode == "vertical":
            parameters["flip_x"] = never
        return parameters

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        x, y = (ops.cast(parameters[f"flip_{axis}"], "float32") for axis in "xy")
        rows = [
            [1.0 - 2.0 * x, 0.0, x * sizes[:, 1]],
            [0.0, 1.0 - 2.0 * y, y * sizes[:, 0]],
            [0.0, 0.0, 1.0],
        ]
        return Transform(
            as_matrix(rows, ops),
            fill_mode="nearest",
            is_exact=True,
            is_axis_aligned=True,
            stays_inside=True,
        )
