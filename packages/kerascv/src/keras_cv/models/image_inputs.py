"""Checks of images that come without a preprocessor."""

from __future__ import annotations

from typing import Any

import numpy as np

from domain_core.images.image_inputs import check_dtype, check_shape
from domain_core.pipeline.samples import as_arrays


def check_batch(images: Any, channels: int | None) -> Any:
    """Returns a batch of images as the array a model takes.

    Args:
        images: array `(B, H, W, C)`, or a list of arrays of one shape.
        channels: number of channels that the model takes; None for any.

    Raises:
        ValueError: if the shape does not fit, values are 16-bit integers, or one is NaN
            or infinite; the message names the image.
    """
    array = as_arrays(images, "images")
    if array.ndim != 4:
        raise ValueError(
            "Expected a batch of images (images, height, width, channels), received an "
            f"array of shape {array.shape}. A single image needs a batch axis, "
            "`image[None]`; images without channels need one, `images[..., None]`."
        )
    check_shape(array.shape, "`images`", channels)
    if array.dtype in (np.uint16, np.bool_):
        check_dtype(array.dtype, "`images`")
    finite = np.isfinite(array)
    if not finite.all():
        index = int(np.argwhere(~finite)[0][0])
        raise ValueError(
            f"`images[{index}]` has values that are NaN or infinite. Drop it, or "
            "replace them."
        )
    return array
