"""Layers that cover parts of images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_finite, check_choices
from domain_core.arrays.operations import Operations
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ColorAugmentation

_FILL_MODES = ("constant", "gaussian_noise", "random")
# Pixels along each side of the noise that is repeated over an image.
_NOISE = 32
# How many standard deviations of noise the value range has.
_DEVIATIONS = 6.0


class CoveringAugmentation(ColorAugmentation):
    """Covers parts of images; labels, boxes, masks and keypoints stay.

    A subclass writes `sample_cover` and `cover`.

    Args:
        fill_mode: what is put there: "constant", "gaussian_noise" (around the middle of
            the value range, a sixth of which is the standard deviation, clipped) or
            "random" (all values of the range, equally likely). Noise is of 32 by 32
            pixels, and repeated.
        fill_value: of the constant, in the value range.
        value_range: see `ColorAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is none of its choices.
    """

    def __init__(
        self,
        fill_mode: str = "constant",
        fill_value: float = 0.0,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, **kwargs)
        check_choices(fill_mode=(fill_mode, _FILL_MODES))
        self.fill_mode: str = fill_mode
        self.fill_value: float = as_finite("fill_value", fill_value)

    def sample_cover(self, draws: Draws, batch: Batch) -> Parameters:
        """Draws what is covered, as `sample` does."""
        raise NotImplementedError(f"{type(self).__name__} must write `sample_cover`.")

    def cover(self, batch: Batch, parameters: Parameters, patterns: Any) -> Any:
        """Returns images, covered by patterns, float32 `(B, h, w, C)`."""
        raise NotImplementedError(f"{type(self).__name__} must write `cover`.")

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        parameters = self.sample_cover(draws, batch)
        if self.fill_mode == "constant":
            return parameters
        low, high = self.value_range
        shape = (_NOISE, _NOISE, batch.images[0].shape[-1])
        ops = draws.ops
        if self.fill_mode == "random":
            noise = low + (high - low) * draws.uniform(math.prod(shape))
        else:
            noise = draws.normal(math.prod(shape)) * ((high - low) / _DEVIATIONS)
            noise = ops.clip(noise + (low + high) / 2, low, high)
        return {**parameters, "noise": ops.reshape(noise, (-1, *shape))}

    def augment_images(self, batch: Batch, parameters: Parameters) -> Any:
        patterns = parameters.get("noise")
        if patterns is None:
            channels = batch.images[0].shape[-1]
            ones = batch.engine.ops.ones_like(batch.sizes[:, :1, None, None])
            patterns = batch.engine.ops.repeat(ones, channels, -1) * self.fill_value
        return self.cover(batch, parameters, patterns)


def rectangles(
    top: Any, left: Any, bottom: Any, right: Any, sizes: Any, ops: Operations
) -> Any:
    """Returns rectangles "xyxy", clipped to images, float32 `(B, 4)`.

    Args:
        top: `(B,)` in pixels; whole numbers, as the others.
        left: likewise.
        bottom: likewise.
        right: likewise.
        sizes: float32 `(B, 2)`, heights and widths of the images.
        ops: functions of the arrays.
    """
    height, width = sizes[:, 0], sizes[:, 1]
    return ops.stack(
        [
            ops.maximum(left, 0.0),
            ops.maximum(top, 0.0),
            ops.minimum(right, width),
            ops.minimum(bottom, height),
        ],
        axis=1,
    )
