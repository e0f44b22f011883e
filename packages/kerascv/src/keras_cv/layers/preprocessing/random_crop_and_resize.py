"""Crops a part of images, and resizes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from domain_core.arguments import check_choices
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation import crop_windows
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.transform import INTERPOLATIONS, Transform
from keras_cv.core.factor_sampler import Factor, as_interval
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    Parameters,
    Shape,
)
from keras_cv.layers.preprocessing.geometric_augmentation import GeometricAugmentation


@serializable("kerascv")
class RandomCropAndResize(GeometricAugmentation):
    """Crops a part of images, anywhere, and resizes it to one size.

    The part is rounded to whole pixels, and nothing beside it is looked at. Without
    training the whole image is resized.

    Args:
        target_size: `(height, width)` of the output in pixels.
        crop_area_factor: how large the part is of the image's area: a pair in (0, 1],
            or a `FactorSampler`.
        aspect_ratio_factor: width by height of the part, in units of the image's: a
            pair above 0, or a `FactorSampler`. The part ends where the image does.
        interpolation: "bilinear" or "nearest".
        bounding_box_format: see `GeometricAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        [Going Deeper with Convolutions](https://arxiv.org/abs/1409.4842), section 6.
    """

    def __init__(
        self,
        target_size: Sequence[int],
        crop_area_factor: Factor,
        aspect_ratio_factor: Factor,
        interpolation: str = "bilinear",
        bounding_box_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(bounding_box_format, seed, **kwargs)
        self.target_size = crop_windows.as_pair("target_size", target_size)
        self.crop_area_factor = as_interval("crop_area_factor", crop_area_factor, 1.0)
        self.aspect_ratio_factor = as_interval(
            "aspect_ratio_factor", aspect_ratio_factor, math.inf
        )
        check_choices(interpolation=(interpolation, INTERPOLATIONS))
        self.interpolation = interpolation

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        ops = draws.ops
        area = self.crop_area_factor.draw(draws)
        ratio = self.aspect_ratio_factor.draw(draws)
        shares = draws.uniform(2)
        return {
            "height": ops.minimum(ops.sqrt(area / ratio), 1.0),
            "width": ops.minimum(ops.sqrt(area * ratio), 1.0),
            "top": shares[:, 0],
            "left": shares[:, 1],
        }

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        spans = []
        for axis, (part, start) in enumerate((("height", "top"), ("width", "left"))):
            length = sizes[:, axis]
            size = ops.maximum(ops.round(parameters[part] * length), 1.0)
            first = crop_windows.place(parameters[start], length, size, ops)
            spans.append((first, first + size))
        (top, bottom), (left, right) = spans
        return crop_windows.stretched(
            ops.stack([left, top, right, bottom], axis=1),
            self.target_size,
            ops,
            interpolation=self.interpolation,
        )

    def without_chance(self, batch: Batch) -> Batch:
        zero = batch.sizes[:, 0] * 0.0
        all_of_it = {"height": zero + 1.0, "width": zero + 1.0}
        return self.augment(batch, {**all_of_it, "top": zero, "left": zero})

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0], *self.target_size, shape[3])
