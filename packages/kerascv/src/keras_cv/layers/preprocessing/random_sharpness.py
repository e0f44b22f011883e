"""Smooths images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.core.factor_sampler import Factor, as_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ColorAugmentation

_SMOOTHING = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], "float32") / 13
_NOTHING = np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0]], "float32")


@serializable("kerascv")
class RandomSharpness(ColorAugmentation):
    """Blends images with smoother ones.

    Each pixel of those is 5/13 of itself and 1/13 of each of its eight neighbours;
    those at the edges of the image stay.

    Args:
        factor: share of the smoother image, 1 for the least sharp: `f` for [0, f], a
            pair in [0, 1], or a `FactorSampler`.
        value_range: see `ColorAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        factor: Factor,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        self.factor = as_factor("factor", factor)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {"factor": self.factor.draw(draws)}

    def augment_images(self, batch: Batch, parameters: Parameters) -> Any:
        ops = batch.engine.ops
        share = parameters["factor"][:, None, None]
        nothing, smoothing = map(ops.convert_to_tensor, (_NOTHING, _SMOOTHING))
        kernels = nothing + share * (smoothing - nothing)
        return batch.engine.filter(batch.images, kernels)
