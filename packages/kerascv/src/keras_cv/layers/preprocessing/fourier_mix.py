"""Mixes pairs of images by masks of a few smooth blobs."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from domain_core.arguments import as_finite
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.mix_up import as_alpha
from keras_cv.layers.preprocessing.mixing_augmentation import (
    MixingAugmentation,
    mix,
    with_other_boxes,
    with_other_keypoints,
)

# Waves per image edge. Their amplitude falls with a power of their number.
_WAVES = 12


@serializable("kerascv")
class FourierMix(MixingAugmentation):
    """Shows another image of the batch within a random mask of low frequencies.

    The mask is where a sum of random waves, with amplitudes that fall with a power of
    their frequency, is largest. Labels are weighted by its area. Boxes and keypoints of
    both images are kept, so there are twice as many; masks are pasted as images are.

    The sum is of the 12 lowest frequencies of each axis: with the default `decay_power`
    those left out are below 1/2,000 of the lowest.

    Args:
        alpha: both parameters of the beta distribution that the image's own share is
            drawn from, above 0.
        decay_power: how fast amplitudes fall with frequency, above 0; large ones make
            few large blobs.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        [Harris et al., 2020](https://arxiv.org/abs/2002.12047)
    """

    def __init__(
        self,
        alpha: float = 0.5,
        decay_power: float = 3,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.alpha = as_alpha(alpha)
        self.decay_power = as_finite("decay_power", decay_power)
        if not 0 < self.decay_power < 100:
            raise ValueError(
                f"Expected `decay_power` in (0, 100), received {decay_power!r}."
            )

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        rows, columns = _amplitudes(self.decay_power).shape
        waves = draws.normal(2 * rows * columns)
        return {
            "other": draws.permutation(),
            "share": draws.beta(self.alpha),
            "waves": draws.ops.reshape(waves, (-1, 2, rows, columns)),
        }

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        engine, ops = batch.engine, batch.engine.ops
        other = batch.take(parameters["other"])
        height, width = ops.shape(batch.images)[1:3]
        field = self._field(parameters["waves"], height, width, ops)
        count = ops.cast(height * width, "float32")
        kept = ops.cast(ops.floor(parameters["share"] * count), "int32")
        kept = ops.clip(kept, 0, height * width - 1)
        threshold = engine.kth(ops.reshape(field, (-1, height * width)), kept)
        mask = field >= threshold[:, None, None]  # of the other image
        changes: dict[str, Any] = {
            kind: engine.select(mask, getattr(other, kind), values)
            for kind in ("images", "masks")
            if (values := getattr(batch, kind)) is not None
        }
        if batch.labels is not None:
            share = 1.0 - ops.mean(ops.cast(mask, "float32"), axis=(1, 2))
            changes["labels"] = mix(batch.labels, other.labels, share, ops)
        changes |= with_other_boxes(batch, other)
        changes |= with_other_keypoints(batch, other)
        return batch.replace(**changes)

    def _field(self, waves: Any, height: int, width: int, ops: Operations) -> Any:
        """Returns the sum of waves, float32 `(B, height, width)`."""
        amplitudes = ops.convert_to_tensor(_amplitudes(self.decay_power))
        real, imaginary = (waves[:, part] * amplitudes for part in range(2))
        rows = _angles(height, symmetric=True)  # (height, waves)
        columns = _angles(width, symmetric=False).T
        cos_y, sin_y, cos_x, sin_x = (
            ops.convert_to_tensor(function(angles).astype("float32"))
            for angles in (rows, columns)
            for function in (np.cos, np.sin)
        )
        # The real part of the sum of (real + i imaginary) exp(i (row + column)).
        by_row = ops.matmul(cos_y, real) - ops.matmul(sin_y, imaginary)
        turned = ops.matmul(sin_y, real) + ops.matmul(cos_y, imaginary)
        return ops.matmul(by_row, cos_x) - ops.matmul(turned, sin_x)

    def output_boxes(self, count: int | None) -> int | None:
        return None if count is None else 2 * count

    output_keypoints = output_boxes


@functools.cache
def _amplitudes(decay_power: float) -> np.ndarray:
    """Returns what the waves are multiplied by, float32 `(2 F + 1, F + 1)`.

    Of the vertical frequencies -F to F and the horizontal ones 0 to F.
    """
    y = np.arange(-_WAVES, _WAVES + 1.0)[:, None]
    x = np.arange(_WAVES + 1.0)
    frequency = np.hypot(y, x)
    amplitudes = np.where(frequency > 0, np.maximum(frequency, 1) ** -decay_power, 0.0)
    return amplitudes.astype("float32")


def _angles(length: int, symmetric: bool) -> np.ndarray:
    """Returns the phase of each wave at each pixel, `(length, waves)`."""
    waves = np.arange(-_WAVES if symmetric else 0, _WAVES + 1)
    return 2 * np.pi / length * np.arange(length)[:, None] * waves
