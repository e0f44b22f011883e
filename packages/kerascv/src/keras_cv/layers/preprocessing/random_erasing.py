"""Covers a rectangle of some area."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_fraction
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.crop_windows import place
from keras_cv.augmentation.random_draws import Draws
from keras_cv.core.factor_sampler import Factor, as_interval
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.covering_augmentation import (
    CoveringAugmentation,
    rectangles,
)


@serializable("kerascv")
class RandomErasing(CoveringAugmentation):
    """Covers a rectangle of a random area and aspect ratio, within the image.

    One that is higher or wider than the image becomes as high or as wide as it is,
    where the paper draws again.

    Args:
        rate: how likely an image is to be changed, in [0, 1].
        area_factor: how large the rectangle is, as a share of the image: a pair in
            (0, 1], or a `FactorSampler`.
        aspect_ratio_factor: its height by its width, in pixels: a pair above 0, or a
            `FactorSampler`.
        fill_mode: see `CoveringAugmentation`.
        fill_value: see `CoveringAugmentation`.
        value_range: see `ColorAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        [Zhong et al., 2017](https://arxiv.org/abs/1708.04896)
    """

    def __init__(
        self,
        rate: float = 0.5,
        area_factor: Factor = (0.02, 0.4),
        *,
        aspect_ratio_factor: Factor = (0.3, 1 / 0.3),
        fill_mode: str = "random",
        fill_value: float = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, fill_value, value_range, seed, **kwargs)
        self.rate = as_fraction("rate", rate)
        self.area_factor = as_interval("area_factor", area_factor, 1.0)
        self.aspect_ratio_factor = as_interval(
            "aspect_ratio_factor", aspect_ratio_factor, math.inf
        )

    def sample_cover(self, draws: Draws, batch: Batch) -> Parameters:
        ops = draws.ops
        is_changed = ops.cast(draws.uniform() < self.rate, "float32")
        height, width = batch.sizes[:, 0], batch.sizes[:, 1]
        area = self.area_factor.draw(draws) * height * width
        ratio = self.aspect_ratio_factor.draw(draws)
        sides, starts = [], draws.uniform(2)
        for axis, (side, whole) in enumerate(
            ((ops.sqrt(area * ratio), height), (ops.sqrt(area / ratio), width))
        ):
            side = ops.minimum(ops.maximum(ops.round(side), 1.0), whole)
            first = place(starts[:, axis], whole, side, ops)
            sides.append((first, first + side * is_changed))
        (top, bottom), (left, right) = sides
        return {"rectangle": rectangles(top, left, bottom, right, batch.sizes, ops)}

    def cover(self, batch: Batch, parameters: Parameters, patterns: Any) -> Any:
        return batch.engine.fill_rectangles(
            batch.images, parameters["rectangle"], patterns
        )
