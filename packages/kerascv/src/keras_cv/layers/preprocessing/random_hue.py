"""Turns hues."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.core.factor_sampler import Factor, as_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ColorAugmentation
from keras_cv.layers.preprocessing.grayscale import check_colors


@serializable("kerascv")
class RandomHue(ColorAugmentation):
    """Turns the hues of an image on the colour circle, either way.

    Args:
        factor: how far, 1 for half of the circle: `f` for [0, f], a pair in [0, 1], or
            a `FactorSampler`.
        value_range: see `ColorAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range, or images have no three channels.
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
        return {"hue": draw_hue(self.factor, draws)}

    def augment_images(self, batch: Batch, parameters: Parameters) -> Any:
        hue = parameters["hue"]
        saturation = batch.engine.ops.ones_like(hue)
        return batch.engine.adjust_hsv(batch.images, self.value_range, hue, saturation)

    def check(self, batch: Batch) -> None:
        super().check(batch)
        check_colors(batch, type(self).__name__)


def draw_hue(factor: Any, draws: Draws) -> Any:
    """Returns what to add to hues, as a fraction of the circle, `(B,)`."""
    sign = draws.ops.where(draws.uniform() < 0.5, -0.5, 0.5)
    return factor.draw(draws) * draws.ops.cast(sign, "float32")
