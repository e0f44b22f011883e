"""Covers a rectangle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.core.factor_sampler import Factor, as_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.covering_augmentation import (
    CoveringAugmentation,
    rectangles,
)


@serializable("kerascv")
class RandomCutout(CoveringAugmentation):
    """Covers a rectangle around a random pixel; it may reach out of the image.

    Args:
        height_factor: its height as a share of the image's: `f` for [0, f], a pair in
            [0, 1], or a `FactorSampler`. What is left of a pixel counts as one.
        width_factor: its width, likewise.
        fill_mode: see `CoveringAugmentation`.
        fill_value: see `CoveringAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        value_range: see `ColorAugmentation`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        [DeVries and Taylor, 2017](https://arxiv.org/abs/1708.04552)
    """

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        seed: int | None = None,
        value_range: Sequence[float] = (0, 255),
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, fill_value, value_range, seed, **kwargs)
        self.height_factor = as_factor("height_factor", height_factor)
        self.width_factor = as_factor("width_factor", width_factor)

    def sample_cover(self, draws: Draws, batch: Batch) -> Parameters:
        ops = draws.ops
        factors = [f.draw(draws) for f in (self.height_factor, self.width_factor)]
        # A whole number is not the next one because of how it was multiplied.
        sides = ops.ceil(ops.stack(factors, axis=1) * batch.sizes - 1e-3)
        first = ops.floor(draws.uniform(2) * batch.sizes) - ops.floor(sides / 2)
        last = first + sides
        return {
            "rectangle": rectangles(
                *(first[:, 0], first[:, 1], last[:, 0], last[:, 1]), batch.sizes, ops
            )
        }

    def cover(self, batch: Batch, parameters: Parameters, patterns: Any) -> Any:
        return batch.engine.fill_rectangles(
            batch.images, parameters["rectangle"], patterns
        )
