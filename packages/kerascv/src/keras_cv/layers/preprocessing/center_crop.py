"""Crops the middle of images."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation import crop_windows
from keras_cv.augmentation.transform import Transform
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    Parameters,
    Shape,
)
from keras_cv.layers.preprocessing.geometric_augmentation import GeometricAugmentation


@serializable("kerascv")
class CenterCrop(GeometricAugmentation):
    """Crops the middle of images.

    Of an image that is smaller in either direction, the largest part in the middle that
    has the aspect ratio of the output is resized.

    Args:
        height: of the output in pixels.
        width: of the output in pixels.
        bounding_box_format: see `GeometricAugmentation`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if a size is no positive integer.

    Example:
        >>> import numpy as np, keras_cv
        >>> crop = keras_cv.layers.CenterCrop(1, 2)
        >>> crop(np.arange(12, dtype="uint8").reshape(3, 4, 1))[..., 0].tolist()
        [[5, 6]]
    """

    is_random = False
    _unused_arguments = ("seed",)

    def __init__(
        self,
        height: int,
        width: int,
        *,
        bounding_box_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(bounding_box_format, **kwargs)
        self.height = as_positive_int("height", height)
        self.width = as_positive_int("width", width)

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        size = self.height, self.width
        middle = sizes[:, 0] * 0.0 + crop_windows.MIDDLE
        corner = [
            crop_windows.place(middle, sizes[:, axis], size[axis], ops)
            for axis in range(2)
        ]
        window = crop_windows.center(sizes, size, ops)
        return crop_windows.cropped(ops.stack(corner, axis=1), window, size, ops)

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0], self.height, self.width, shape[3])
