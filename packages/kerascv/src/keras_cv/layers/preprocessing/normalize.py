"""Subtracts a mean and divides by a standard deviation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from domain_core.arguments import as_finite
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.statistics import Statistics
from keras_cv.layers.preprocessing.base_image_augmentation_layer import Parameters
from keras_cv.layers.preprocessing.color_augmentation import ValueAugmentation

IMAGENET_MEAN = (123.675, 116.28, 103.53)
IMAGENET_STD = (58.395, 57.12, 57.375)


@serializable("kerascv")
class Normalize(ValueAugmentation):
    """Subtracts a mean of each channel and divides by a standard deviation.

    Args:
        mean: a number, or one per channel, in the units of the images times `scale`.
            The default is ImageNet's, for values of 0 to 255.
        std: likewise, above 0.
        scale: what values are multiplied by first, such as 1 / 255 for a mean and a
            standard deviation of values of 0 to 1.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is no number, or `std` or `scale` not above 0.
    """

    is_random = False
    _unused_arguments = ("seed", "value_range")
    result_dtype = "float32"

    def __init__(
        self,
        mean: float | Sequence[float] = IMAGENET_MEAN,
        std: float | Sequence[float] = IMAGENET_STD,
        scale: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.mean, self.std = _as_numbers("mean", mean), _as_numbers("std", std)
        if not np.all(np.asarray(self.std) > 0):
            raise ValueError(f"Expected `std` to be above 0, received {std!r}.")
        self.scale = as_finite("scale", scale)
        if self.scale <= 0:
            raise ValueError(f"Expected `scale` to be above 0, received {scale!r}.")

    def change_values(
        self,
        values: Any,
        parameters: Parameters,
        statistics: Statistics,
        ops: Operations,
    ) -> Any:
        mean, std = (
            ops.convert_to_tensor(np.asarray(numbers, "float32"))
            for numbers in (self.mean, self.std)
        )
        return (values * self.scale - mean) / std

    def check(self, batch: Batch) -> None:
        channels = batch.images[0].shape[-1]
        for name, numbers in (("mean", self.mean), ("std", self.std)):
            if isinstance(numbers, tuple) and len(numbers) != channels:
                raise ValueError(
                    f"Normalize has {len(numbers)} numbers in `{name}`, received "
                    f"images of {channels} channels."
                )


def _as_numbers(name: str, numbers: Any) -> float | tuple[float, ...]:
    try:
        array = np.asarray(numbers, "float64")
    except (TypeError, ValueError):
        array = np.zeros(0)
    if array.ndim > 1 or not array.size or not np.isfinite(array).all():
        raise ValueError(
            f"Expected `{name}` to be a number, or one per channel; received "
            f"{numbers!r}."
        )
    return tuple(array.tolist()) if array.ndim else float(array)
