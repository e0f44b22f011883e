"""Leaves the traces of JPEG in images."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

from domain_core.images.image_inputs import channels_first_advice
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.core.factor_sampler import Factor, as_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ColorAugmentation


@serializable("kerascv")
class RandomJpegQuality(ColorAugmentation):
    """Compresses images as JPEG of a random quality, and decompresses them.

    That happens on the host, and in the graph of `tf.data`: not inside a model, nor in
    other functions that are compiled.

    Args:
        factor: the quality: a pair in [0, 100], 100 for the best, or a `FactorSampler`;
            it is rounded.
        seed: see `BaseImageAugmentationLayer`.
        value_range: see `ColorAugmentation`; other images than uint8 are rounded to one
            of 256 levels.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range, images have neither one channel nor
            three, or are part of a compiled function.
    """

    needs_host = True

    def __init__(
        self,
        factor: Factor,
        seed: int | None = None,
        value_range: Sequence[float] = (0, 255),
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        if isinstance(factor, numbers.Real):
            raise ValueError(
                "Expected `factor` to be a pair (lowest, highest quality) within "
                f"[0, 100] or a FactorSampler, received {factor!r}."
            )
        self.factor = as_factor("factor", factor, 0.0, 100.0)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        ops = draws.ops
        return {"quality": ops.cast(ops.round(self.factor.draw(draws)), "int32")}

    def augment_images(self, batch: Batch, parameters: Parameters) -> Any:
        return batch.engine.compress(
            batch.images, self.value_range, parameters["quality"]
        )

    def check(self, batch: Batch) -> None:
        super().check(batch)
        if batch.images[0].shape[-1] not in (1, 3):
            raise ValueError(
                "RandomJpegQuality expects images of one channel or three, received "
                f"images of shape {tuple(batch.images[0].shape)}."
                f"{channels_first_advice(tuple(batch.images[0].shape))}"
            )
