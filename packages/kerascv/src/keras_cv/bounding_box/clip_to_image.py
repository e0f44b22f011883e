"""Boxes cut at the border of the image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core.arguments import as_fraction, check_choices
from domain_core.arrays import operations
from domain_core.arrays.operations import Operations
from keras_cv.bounding_box import rows
from keras_cv.bounding_box.convert_format import scale_of
from keras_cv.bounding_box.formats import from_xyxy, parse, to_xyxy

_POLICIES = ("clip", "drop", "raise")
# Of the share that is visible, and of the image's size, for what rounding does.
_TOLERANCE = 1e-5


def clip_to_image(
    bounding_boxes: Any,
    bounding_box_format: str,
    images: Any = None,
    image_shape: Any = None,
    *,
    outside: str = "clip",
    min_visible_area: float = 1.0,
) -> Any:
    """Cuts boxes at the border of the image.

    Boxes without an area inside the image, or with numbers that are none, become
    padding: -1, and so do their classes and confidences. Where boxes come ragged, or as
    a list, these rows are left out instead.

    Args:
        bounding_boxes: dict with "boxes" `(N, 4)` or `(B, N, 4)` and, if there are
            any, "classes" and "confidence"; or the boxes alone.
        bounding_box_format: see `convert_format`.
        images: see `convert_format`; not needed for relative formats.
        image_shape: see `convert_format`.
        outside: what is done about boxes that reach out of the image. "clip" cuts
            them. "drop" makes those padding of which less than `min_visible_area` is
            inside, and cuts the others. "raise" raises ValueError.
        min_visible_area: share of a box's area that must be inside, in [0, 1]; with 1.0
            "drop" leaves no box that was cut.

    Returns:
        The same in the form in which it came, of the same float dtype; integers become
        float32.

    Raises:
        ValueError: as in `convert_format`; or if a box reaches out and `outside` is
            "raise", which needs values: it can't be used in compiled functions.

    Example:
        >>> boxes = {"boxes": np.array([[-5, 2, 5, 8], [11, 0, 12, 1]]),
        ...          "classes": np.array([0, 1])}
        >>> clipped = keras_cv.bounding_box.clip_to_image(
        ...     boxes, "xyxy", image_shape=(10, 10, 3))
        >>> clipped["boxes"].tolist(), clipped["classes"].tolist()
        ([[0.0, 2.0, 5.0, 8.0], [-1.0, -1.0, -1.0, -1.0]], [0, -1])
    """
    check_choices(outside=(outside, _POLICIES))
    min_visible_area = as_fraction("min_visible_area", min_visible_area)
    if not isinstance(bounding_boxes, Mapping):
        only_boxes = {"boxes": bounding_boxes}
        return clip_to_image(
            only_boxes,
            bounding_box_format,
            images,
            image_shape,
            outside=outside,
            min_visible_area=min_visible_area,
        )["boxes"]
    format = parse(bounding_box_format)
    boxes, present = rows.read(bounding_boxes["boxes"])
    scale, ops = scale_of(boxes, images, image_shape)
    if scale is None and not format.is_relative:
        raise ValueError(
            "Expected `images` or `image_shape` to clip boxes in "
            f"{bounding_box_format!r}, which are in pixels; received neither."
        )
    dtype = boxes.dtype
    boxes = operations.as_float(boxes, ops)
    limits = _limits(boxes, None if format.is_relative else scale, ops)
    labels = {
        name: rows.to_array(bounding_boxes[name])
        for name in ("classes", "confidence")
        if name in bounding_boxes
    }
    is_padding = rows.is_filled(boxes, ops)
    if "classes" in labels:
        is_padding = ops.logical_or(
            is_padding, rows.is_padding({**labels, "boxes": boxes}, ops)
        )
    corners = to_xyxy(boxes, format, None, ops)
    clipped = ops.minimum(ops.maximum(corners, 0.0), limits)
    if outside == "raise":
        _check_inside(corners, limits, is_padding, ops)
    extent = clipped[..., 2:] - clipped[..., :2]
    # Not-a-number is not larger either.
    kept = ops.logical_and(ops.all(extent > 0.0, axis=-1), ops.logical_not(is_padding))
    if outside == "drop":
        sides = corners[..., 2:] - corners[..., :2]
        visible = extent[..., 0] * extent[..., 1]
        needed = (min_visible_area - _TOLERANCE) * sides[..., 0] * sides[..., 1]
        kept = ops.logical_and(kept, visible >= needed)
    clipped = rows.as_padding(from_xyxy(clipped, format, None, ops), kept, ops)
    if "float" in str(dtype):
        clipped = ops.cast(clipped, dtype)
    outputs = {"boxes": clipped}
    for name, values in labels.items():
        outputs[name] = rows.as_padding(values, kept, ops)
    if present is not None:
        outputs = {name: rows.select(x, kept) for name, x in outputs.items()}
    return {**bounding_boxes, **outputs}


def _limits(boxes: Any, scale: Any, ops: Operations) -> Any:
    """Returns the largest x and y of the corners; they broadcast to the boxes."""
    if scale is None:
        return 1.0
    return ops.cast(ops.concatenate([scale, scale], axis=-1), boxes.dtype)


def _check_inside(corners: Any, limits: Any, is_padding: Any, ops: Operations) -> None:
    margin = limits * _TOLERANCE
    is_inside = ops.all(
        ops.logical_and(corners >= -margin, corners <= limits + margin), axis=-1
    )
    is_fine = ops.all(ops.logical_or(is_inside, is_padding))
    try:
        is_fine = bool(is_fine)
    except TypeError as error:
        raise ValueError(
            'Expected boxes with values for outside="raise", received symbolic ones of '
            'a compiled function. Use "clip" or "drop" there.'
        ) from error
    if not is_fine:
        raise ValueError(
            "Expected all boxes inside the image, received some that reach out or are "
            'not numbers. Mend them, or pass outside="clip" or "drop".'
        )
