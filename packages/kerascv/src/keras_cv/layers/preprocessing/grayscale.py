"""Removes colour."""

from __future__ import annotations

from typing import Any

import numpy as np

from domain_core.arguments import check_choices
from domain_core.images.image_inputs import channels_first_advice
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    Parameters,
    Shape,
)
from keras_cv.layers.preprocessing.color_augmentation import ColorAugmentation

# The share of red, green and blue in brightness (ITU-R BT.601).
LUMA = (0.2989, 0.587, 0.114)


@serializable("kerascv")
class Grayscale(ColorAugmentation):
    """Turns red, green and blue into their brightness.

    Args:
        output_channels: 1, or 3 for three equal channels.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if `output_channels` is neither, or images have no three channels.
    """

    is_random = False
    _unused_arguments = ("seed", "value_range")

    def __init__(self, output_channels: int = 1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        check_choices(output_channels=(output_channels, (1, 3)))
        self.output_channels = output_channels

    def augment_images(self, batch: Batch, parameters: Parameters) -> Any:
        matrix = np.tile(np.array(LUMA, "float32"), (self.output_channels, 1))
        return batch.engine.mix_channels(batch.images, same(matrix, batch))

    def check(self, batch: Batch) -> None:
        check_colors(batch, type(self).__name__)

    def output_shape(self, shape: Shape) -> Shape:
        return (*shape[:-1], self.output_channels)


def same(matrix: np.ndarray, batch: Batch) -> Any:
    """Returns a matrix for each image of a batch, float32 `(B, out, in)`."""
    ops = batch.engine.ops
    one = ops.ones_like(batch.sizes[:, :1])[:, :, None]
    return one * ops.convert_to_tensor(matrix)[None]


def check_colors(batch: Batch, name: str) -> None:
    """Raises ValueError unless images have three channels."""
    if batch.images[0].shape[-1] != 3:
        raise ValueError(
            f"{name} expects images of three channels, red, green and blue; received "
            f"images of shape {tuple(batch.images[0].shape)}."
            f"{channels_first_advice(tuple(batch.images[0].shape))}"
        )
