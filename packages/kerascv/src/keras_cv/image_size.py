"""Reads how large images are, from images or from what was told instead."""

from __future__ import annotations

from typing import Any

import numpy as np

from domain_core.arrays import operations
from domain_core.arrays.host_call import is_ragged_tensor, is_tensorflow, rank
from domain_core.arrays.operations import Operations

_ADVICE = "Pass `image_shape` with the numbers, such as (height, width, channels)."


def read_size(images: Any, image_shape: Any) -> tuple[Any, Any] | None:
    """Returns height and width in pixels.

    Args:
        images: `(H, W, C)`, `(B, H, W, C)`, a ragged tensor, or a list of images.
        image_shape: `(H, W, C)` or `(H, W)`, or one such row per image.

    Returns:
        Height and width, numbers or scalar tensors, or `(B,)` where each image has its
        own; None if there is neither argument.

    Raises:
        ValueError: if there are both, or the size is not known or zero.
    """
    if images is not None and image_shape is not None:
        raise ValueError(
            "Expected one of `images` and `image_shape`, received both. Drop one."
        )
    if images is not None:
        size = _size_of_images(images)
    elif image_shape is not None:
        size = _size_of_shape(image_shape)
    else:
        return None
    for name, length in zip(("height", "width"), size, strict=True):
        if length is None:
            raise ValueError(
                f"Expected a known {name} of the images, received None. {_ADVICE}"
            )
        if isinstance(length, int | float | np.ndarray | np.generic) and np.any(
            np.less_equal(length, 0)
        ):
            raise ValueError(
                f"Expected a {name} of at least one pixel, received {length!r:.100}."
            )
    return size


def as_scale(size: tuple[Any, Any], axes: int, ops: Operations) -> Any:
    """Returns the factors from relative (x, y) to pixels.

    Args:
        size: what `read_size` returned.
        axes: number of axes of the boxes or points, the last one included.
        ops: functions of the arrays.

    Returns:
        Float32 `(2,)`, or `(B, 1, ..., 2)` with as many axes as the points have.
    """
    height, width = (ops.cast(length, "float32") for length in size)
    scale = ops.stack([width, height], axis=-1)
    if len(scale.shape) == 2:
        scale = ops.reshape(scale, (-1, *[1] * (axes - 2), 2))
    # Sizes that only the graph knows are not checked above.
    return ops.maximum(scale, 1.0)


def is_batched(images: Any) -> bool:
    """Whether images have an axis of the batch, as lists and ragged tensors do."""
    return isinstance(images, list | tuple) or len(images.shape) == 4


def _size_of_images(images: Any) -> tuple[Any, Any]:
    if isinstance(images, list | tuple):
        shapes = [image.shape for image in images]
        if not shapes or {len(shape) for shape in shapes} != {3}:
            raise ValueError(
                "Expected a list of images `(H, W, C)`, received the shapes "
                f"{[tuple(shape) for shape in shapes][:8]}."
            )
        return np.array([s[0] for s in shapes]), np.array([s[1] for s in shapes])
    if is_tensorflow(images):
        rank(images, "images")
    if len(images.shape) not in (3, 4):
        raise ValueError(
            "Expected `images` to have the shape (height, width, channels) or "
            f"(batch, height, width, channels), received {tuple(images.shape)}."
        )
    if is_ragged_tensor(images):
        return _size_of_ragged(images)
    shape = operations.of(images).shape(images)
    return shape[-3], shape[-2]


def _size_of_ragged(images: Any) -> tuple[Any, Any]:
    import tensorflow as tf

    heights = images.row_lengths()
    if images.ragged_rank == 1:
        width = tf.shape(images.values)[1]
        return heights, tf.fill(tf.shape(heights), tf.cast(width, heights.dtype))
    widths = tf.reduce_max(images.row_lengths(axis=2), axis=1)
    return heights, widths


def _size_of_shape(shape: Any) -> tuple[Any, Any]:
    if isinstance(shape, list | tuple):
        if not any(isinstance(x, list | tuple | np.ndarray) for x in shape):
            if len(shape) not in (2, 3):
                raise ValueError(
                    "Expected `image_shape` as (height, width, channels), received "
                    f"{shape!r:.200}."
                )
            return shape[0], shape[1]
        shape = np.asarray(shape)
    axes = len(shape.shape)
    if axes not in (1, 2) or shape.shape[-1] not in (2, 3, None):
        raise ValueError(
            "Expected `image_shape` as (height, width, channels), or one such row per "
            f"image; received an array of shape {tuple(shape.shape)}."
        )
    return shape[..., 0], shape[..., 1]
