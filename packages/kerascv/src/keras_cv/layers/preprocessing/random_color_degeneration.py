"""Takes colour out of images."""

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
from keras_cv.layers.preprocessing.grayscale import LUMA, check_colors


@serializable("kerascv")
class RandomColorDegeneration(ColorAugmentation):
    """Blends images with their brightness.

    Args:
        factor: share of the grey image: `f` for [0, f], a pair in [0, 1], or a
            `FactorSampler`.
        seed: see `BaseImageAugmentationLayer`.
        value_range: see `ColorAugmentation`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range, or images have no three channels.
    """

    def __init__(
        self,
        factor: Factor,
        seed: int | None = None,
        value_range: Sequence[float] = (0, 255),
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        self.factor = as_factor("factor", factor)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {"factor": self.factor.draw(draws)}

    def augment_images(self, batch: Batch, parameters: Parameters) -> Any:
        ops = batch.engine.ops
        share = parameters["factor"][:, None, None]
        keep, grey = (
            ops.convert_to_tensor(matrix)
            for matrix in (np.eye(3, dtype="float32"), np.array([LUMA] * 3, "float32"))
        )
        matrices = (1.0 - share) * keep + share * grey
        return batch.engine.mix_channels(batch.images, matrices)

    def check(self, batch: Batch) -> None:
        super().check(batch)
        check_colors(batch, type(self).__name__)
