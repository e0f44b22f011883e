"""Resizes images to one size."""

from __future__ import annotations

import dataclasses
from typing import Any

from domain_core.arguments import as_positive_int, check_choices
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation import crop_windows
from keras_cv.augmentation.transform import RESIZE_INTERPOLATIONS, Transform, scaling
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    Parameters,
    Shape,
)
from keras_cv.layers.preprocessing.geometric_augmentation import GeometricAugmentation


@serializable("kerascv")
class Resizing(GeometricAugmentation):
    """Resizes images to one size: stretched, cropped or padded.

    Nothing is smoothed before: an image that gets much smaller loses what lies between
    the pixels that are looked at, but for "area". Masks take the nearest pixel.

    Args:
        height: of the output in pixels.
        width: of the output in pixels.
        interpolation: "bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5",
            "gaussian" or "mitchellcubic", as in `tf.image.resize`.
        crop_to_aspect_ratio: resize the largest part in the middle that has the aspect
            ratio of the output.
        pad_to_aspect_ratio: keep the aspect ratio, and fill up the bottom or the right
            with zeros.
        bounding_box_format: see `GeometricAugmentation`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is none of its choices, or an image is to be both
            cropped and padded.

    Example:
        >>> import numpy as np, keras_cv
        >>> images = [np.ones((5, 9, 3), "uint8"), np.ones((8, 7, 3), "uint8")]
        >>> keras_cv.layers.Resizing(4, 6)(images).shape
        (2, 4, 6, 3)
    """

    is_random = False
    _unused_arguments = ("seed",)

    def __init__(
        self,
        height: int,
        width: int,
        interpolation: str = "bilinear",
        crop_to_aspect_ratio: bool = False,
        pad_to_aspect_ratio: bool = False,
        bounding_box_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(bounding_box_format, **kwargs)
        self.height = as_positive_int("height", height)
        self.width = as_positive_int("width", width)
        interpolation = str(interpolation).lower()
        check_choices(interpolation=(interpolation, RESIZE_INTERPOLATIONS))
        if crop_to_aspect_ratio and pad_to_aspect_ratio:
            raise ValueError(
                "Expected at most one of `crop_to_aspect_ratio` and "
                "`pad_to_aspect_ratio`, received both. Set one to False."
            )
        self.interpolation = interpolation
        self.crop_to_aspect_ratio = bool(crop_to_aspect_ratio)
        self.pad_to_aspect_ratio = bool(pad_to_aspect_ratio)

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        size = self.height, self.width
        if self.pad_to_aspect_ratio:
            inner = crop_windows.fitting(sizes, size, 1.0, ops)
            scale = inner / sizes
            return Transform(
                scaling(scale[:, 1], scale[:, 0], ops),
                size=size,
                fill_mode="nearest",
                interpolation=self.interpolation,
                is_axis_aligned=True,
                stays_inside=True,
                inner=inner,
            )
        window = (
            crop_windows.center(sizes, size, ops)
            if self.crop_to_aspect_ratio
            else crop_windows.whole(sizes, ops)
        )
        transform = crop_windows.stretched(
            window, size, ops, interpolation=self.interpolation
        )
        if not self.crop_to_aspect_ratio:
            # All is read, and what comes before may be made one with it.
            transform = dataclasses.replace(transform, window=None)
        return transform

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0], self.height, self.width, shape[3])
