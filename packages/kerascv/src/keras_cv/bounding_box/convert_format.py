"""Boxes in another format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core.arrays import operations
from domain_core.arrays.operations import Operations, is_float
from keras_cv.bounding_box import rows
from keras_cv.bounding_box.formats import from_corners, parse, to_corners
from keras_cv.image_size import as_scale, is_batched, read_size


def convert_format(
    boxes: Any,
    source: str,
    target: str,
    images: Any = None,
    image_shape: Any = None,
    dtype: Any = "float32",
) -> Any:
    """Converts boxes from one format to another.

    Rows of padding, which hold -1 alone, stay as they are; boxes that are NaN or
    infinite become such. Between relative numbers and
    pixels the size of the images is needed.

    Args:
        boxes: `(..., 4)`: NumPy, a tensor of the backend or of TensorFlow, or a list;
            ragged, or a list with the boxes of each image; or a dict that holds them
            as "boxes".
        source: their format: "xyxy", "yxyx", "xywh", "center_xywh" or "center_yxhw",
            in pixels, or one of these with "rel_", as fractions of the image's width
            and height. Capitals do not matter: "xyWH" reads well.
        target: the format to return.
        images: `(H, W, C)` for boxes `(N, 4)`; `(B, H, W, C)`, ragged or a list of
            images of different sizes for boxes `(B, N, 4)`. Only their size is used.
        image_shape: instead of images: `(height, width, channels)`, of numbers or
            tensors, or one such row per image.
        dtype: of the numbers returned; None for that of `boxes`. They are computed in
            float32 or float64.

    Returns:
        The boxes in the form in which they came: dense, ragged, a list of arrays, or a
        copy of the dict with other boxes.

    Raises:
        ValueError: if a format is unknown, the size of the images is missing or there
            twice, or shapes do not fit.

    Example:
        >>> keras_cv.bounding_box.convert_format(
        ...     np.array([[10, 20, 110, 120]]), source="xyxy", target="center_xywh"
        ... ).tolist()
        [[60.0, 70.0, 100.0, 100.0]]
    """
    if isinstance(boxes, Mapping):
        if "boxes" not in boxes:
            raise ValueError(
                f'Expected a dict with "boxes", received one with {sorted(boxes)}.'
            )
        converted = convert_format(
            boxes["boxes"], source, target, images, image_shape, dtype
        )
        return {**boxes, "boxes": converted}
    formats = parse(source), parse(target)
    dense, present = rows.read(boxes)
    scale, ops = scale_of(dense, images, image_shape)
    dense = _finite(dense, ops)
    if formats[0].is_relative != formats[1].is_relative and scale is None:
        raise ValueError(
            f"Expected `images` or `image_shape` to convert from {source!r} to "
            f"{target!r}: one is relative to the size of the image, received neither."
        )
    dtype = dense.dtype if dtype is None else dtype
    if formats[0] != formats[1]:
        dense = _converted(dense, *formats, scale, ops)
    dense = ops.cast(dense, dtype)
    return dense if present is None else rows.select(dense, present)


def _finite(boxes: Any, ops: Operations) -> Any:
    """Returns boxes with padding for those that are no numbers."""
    if not is_float(boxes.dtype):
        return boxes
    is_finite = ops.all(ops.isfinite(boxes), axis=-1, keepdims=True)
    return ops.where(is_finite, boxes, ops.cast(rows.PADDING, boxes.dtype))


def _converted(
    boxes: Any, source: Any, target: Any, scale: Any, ops: Operations
) -> Any:
    if source.is_relative == target.is_relative:
        scale = None
    boxes = operations.as_float(boxes, ops)
    if scale is not None:
        scale = ops.cast(scale, boxes.dtype)
    columns = from_corners(to_corners(boxes, source, scale), target, scale)
    is_box = ops.logical_not(rows.is_filled(boxes, ops))
    columns = [ops.where(is_box, column, rows.PADDING) for column in columns]
    return ops.stack(columns, axis=-1)


def scale_of(boxes: Any, images: Any, image_shape: Any) -> tuple[Any, Any]:
    """Returns the scale for boxes, None without a size, and the functions for both.

    Args:
        boxes: dense `(..., 4)`.
        images: see `convert_format`.
        image_shape: see `convert_format`.

    Raises:
        ValueError: if shapes do not fit.
    """
    size = read_size(images, image_shape)
    if size is None:
        return None, operations.of(boxes)
    axes = len(boxes.shape)
    if images is not None and axes != 2 + is_batched(images):
        raise ValueError(
            "Expected boxes (N, 4) for an image (H, W, C) and (B, N, 4) for images (B, "
            f"H, W, C); received the shapes {tuple(boxes.shape)} and "
            f"{getattr(images, 'shape', 'of a list')}."
        )
    if axes < 3 and len(getattr(size[0], "shape", ())):
        raise ValueError(
            "Expected boxes (B, N, 4) for a size per image, received the shape "
            f"{tuple(boxes.shape)}."
        )
    ops = operations.of(boxes, *size)
    return as_scale(size, axes, ops), ops
