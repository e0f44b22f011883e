"""Rotates images."""

from __future__ import annotations

import math
from typing import Any

from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.transform import Transform, about, as_matrix
from keras_cv.core.factor_sampler import Factor, as_signed_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.geometric_augmentation import FillingAugmentation


@serializable("kerascv")
class RandomRotation(FillingAugmentation):
    """Rotates images about their centre.

    Args:
        factor: the angle as a fraction of a full turn, counter-clockwise if positive:
            `f` for [-f, f], a pair, or a `FactorSampler`.
        fill_mode: see `FillingAugmentation`.
        interpolation: see `FillingAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        fill_value: see `FillingAugmentation`.
        bounding_box_format: see `GeometricAugmentation`.
        segmentation_classes: number of classes of masks. Takes no effect, for
            upstream's sake: masks take the nearest pixel, one-hot or not.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        bounding_box_format: str | None = None,
        segmentation_classes: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            fill_mode, interpolation, fill_value, bounding_box_format, seed, **kwargs
        )
        self.factor = as_signed_factor("factor", factor)
        self.segmentation_classes = segmentation_classes

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {"angle": self.factor.draw(draws) * (2 * math.pi)}

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        cos, sin = ops.cos(parameters["angle"]), ops.sin(parameters["angle"])
        # y points down, so this turns counter-clockwise.
        matrix = as_matrix([[cos, sin, 0.0], [-sin, cos, 0.0], [0.0, 0.0, 1.0]], ops)
        return self.filled(about(matrix, sizes[:, 1] / 2, sizes[:, 0] / 2, ops))
