"""Blurs images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.arguments import as_positive_int, check_choices
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.core.factor_sampler import Factor, as_factor
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ColorAugmentation

_FILL_MODES = ("constant", "reflect", "nearest")
# What leaves every pixel alone.
_SHARPEST = 1e-3


@serializable("kerascv")
class RandomGaussianBlur(ColorAugmentation):
    """Blurs images with a Gaussian of a random width.

    Args:
        kernel_size: how many pixels are looked at, or a pair of them along x and along
            y. The kernel adds up to 1, however much of the Gaussian it cuts off.
        factor: standard deviation in pixels, drawn for each image: `f` for [0, f], a
            pair, 0 or more, or a `FactorSampler`.
        seed: see `BaseImageAugmentationLayer`.
        fill_mode: what lies outside of the image: "constant" (zeros, which darken
            pixels near the edge as upstream did), "reflect" (the edge is repeated) or
            "nearest".
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.
    """

    _unused_arguments = ("value_range",)

    def __init__(
        self,
        kernel_size: int | Sequence[int],
        factor: Factor,
        seed: int | None = None,
        *,
        fill_mode: str = "constant",
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, **kwargs)
        sizes = kernel_size if isinstance(kernel_size, Sequence) else [kernel_size] * 2
        if len(sizes) != 2:
            raise ValueError(
                "Expected `kernel_size` to be an integer or a pair (x, y), received "
                f"{kernel_size!r}."
            )
        for size in sizes:
            as_positive_int("kernel_size", size)
        check_choices(fill_mode=(fill_mode, _FILL_MODES))
        self.kernel_size = kernel_size
        self.factor = as_factor("factor", factor, 0.0, math.inf)
        self.fill_mode = fill_mode

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {"sigma": self.factor.draw(draws)}

    def augment_images(self, batch: Batch, parameters: Parameters) -> Any:
        size = self.kernel_size
        x_size, y_size = size if isinstance(size, Sequence) else (size, size)
        sigma, ops = parameters["sigma"], batch.engine.ops
        x_kernels = gaussians(x_size, sigma, ops)
        y_kernels = x_kernels if x_size == y_size else gaussians(y_size, sigma, ops)
        return batch.engine.blur(batch.images, x_kernels, y_kernels, self.fill_mode)

    def check(self, batch: Batch) -> None:
        """Any range of values will do."""


def gaussians(size: int, sigma: Any, ops: Operations) -> Any:
    """Returns kernels that add up to 1, float32 `(B, size or size + 1)`.

    Args:
        size: number of pixels. An even number of them looks one further ahead than
            back, and gets a zero in front.
        sigma: standard deviations in pixels, `(B,)`.
        ops: functions of the arrays.
    """
    places = np.arange(-(size // 2), size // 2 + 1)
    squares, is_used = (
        ops.convert_to_tensor(array.astype("float32"))
        for array in (places**2, places >= -((size - 1) // 2))
    )
    sigma = ops.maximum(sigma, _SHARPEST)[:, None]
    weights = ops.exp(-squares / (2.0 * sigma * sigma)) * is_used
    return weights / ops.sum(weights, axis=1, keepdims=True)
