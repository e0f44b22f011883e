"""Crops images anywhere."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation import crop_windows
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.transform import Transform
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    Parameters,
    Shape,
)
from keras_cv.layers.preprocessing.geometric_augmentation import GeometricAugmentation


@serializable("kerascv")
class RandomCrop(GeometricAugmentation):
    """Crops images at whole pixels, anywhere.

    An image that is smaller in either direction is resized to `height` and `width`,
    whatever its aspect ratio. Without training the crop is in the middle.

    Args:
        height: of the output in pixels.
        width: of the output in pixels.
        seed: see `BaseImageAugmentationLayer`.
        bounding_box_format: see `GeometricAugmentation`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if a size is no positive integer.

    Example:
        >>> import numpy as np, keras_cv
        >>> crop = keras_cv.layers.RandomCrop(20, 30, seed=0)
        >>> crop(np.zeros((2, 32, 40, 3), "uint8")).shape
        (2, 20, 30, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        bounding_box_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(bounding_box_format, seed, **kwargs)
        self.height = as_positive_int("height", height)
        self.width = as_positive_int("width", width)

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        shares = draws.uniform(2)
        return {"top": shares[:, 0], "left": shares[:, 1]}

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        size = self.height, self.width
        corner = [
            crop_windows.place(parameters[name], sizes[:, axis], size[axis], ops)
            for axis, name in enumerate(("top", "left"))
        ]
        return crop_windows.cropped(
            ops.stack(corner, axis=1), crop_windows.whole(sizes, ops), size, ops
        )

    def without_chance(self, batch: Batch) -> Batch:
        middle = batch.sizes[:, 0] * 0.0 + crop_windows.MIDDLE
        return self.augment(batch, {"top": middle, "left": middle})

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0], self.height, self.width, shape[3])
