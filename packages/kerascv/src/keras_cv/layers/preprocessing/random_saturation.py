"""Makes colours paler or stronger."""

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

# What makes any colour that is not grey as strong as can be.
_STRONGEST = 1e6


@serializable("kerascv")
class RandomSaturation(ColorAugmentation):
    """Multiplies the saturation of an image.

    Args:
        factor: 0.5 leaves colours as they are, 0 makes them grey and 1 as strong as can
            be; saturation is multiplied by factor / (1 - factor). `f` for [0, f], a
            pair in [0, 1], or a `FactorSampler`.
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
        return {"saturation": draw_saturation(self.factor, draws)}

    def augment_images(self, batch: Batch, parameters: Parameters) -> Any:
        saturation = parameters["saturation"]
        hue = batch.engine.ops.zeros_like(saturation)
        return batch.engine.adjust_hsv(batch.images, self.value_range, hue, saturation)

    def check(self, batch: Batch) -> None:
        super().check(batch)
        check_colors(batch, type(self).__name__)


def draw_saturation(factor: Any, draws: Draws) -> Any:
    """Returns what to multiply saturations by, `(B,)`."""
    drawn = factor.draw(draws)
    return drawn / draws.ops.maximum(1.0 - drawn, 1 / _STRONGEST)
