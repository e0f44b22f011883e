"""Moves images and all that lies in them by one transform."""

from __future__ import annotations

from typing import Any

from domain_core.arrays.operations import Operations
from keras_cv.augmentation.batch import PADDING, Batch
from keras_cv.augmentation.transform import Transform, move_boxes, move_points
from keras_cv.bounding_box.formats import from_xyxy, parse, to_xyxy


def move(
    batch: Batch, transform: Transform, bounding_box_format: str | None, name: str
) -> Batch:
    """Moves a batch.

    Boxes are those around the moved corners, clipped to the image. Those of which
    nothing is left become padding, as keypoints do that end outside.

    Args:
        batch: what to move.
        transform: how.
        bounding_box_format: of its boxes; needed if there are any.
        name: of the layer, for errors.

    Raises:
        ValueError: if there are boxes without a format.
    """
    engine, ops = batch.engine, batch.engine.ops
    images = engine.warp(batch.images, transform, transform.interpolation)
    sizes = engine.sizes(images)
    changes: dict[str, Any] = {"images": images, "sizes": sizes}
    limits = sizes if transform.inner is None else transform.inner
    if batch.masks is not None:
        changes["masks"] = engine.warp(batch.masks, transform, "nearest")
    if batch.keypoints is not None:
        changes["keypoints"] = _move_keypoints(batch, transform, limits)
    if batch.boxes is not None:
        format = box_format(bounding_box_format, name)
        boxes = to_xyxy(batch.boxes, format, as_scale(batch.sizes, ops), ops)
        moved = move_boxes(boxes, transform.matrix, ops)
        changes |= place_boxes(batch, moved, sizes, format, limits)
    return batch.replace(**changes)


def moved_sizes(transform: Transform, batch: Batch) -> Any:
    """Returns the heights and widths `(B, 2)` that images will have."""
    if transform.sizes is not None:
        return transform.sizes
    if transform.size is None:
        return batch.sizes
    ops = batch.engine.ops
    height, width = (float(length) for length in transform.size)
    return ops.stack(
        [batch.sizes[:, 0] * 0.0 + height, batch.sizes[:, 1] * 0.0 + width], axis=1
    )


def box_format(bounding_box_format: str | None, name: str) -> Any:
    """Returns the format of boxes, which has to be there."""
    if bounding_box_format is None:
        raise ValueError(
            f"{name} received bounding boxes, but does not know their format. "
            'Construct it with `bounding_box_format`, such as "xyxy".'
        )
    return parse(bounding_box_format)


def place_boxes(
    batch: Batch, boxes: Any, sizes: Any, format: Any, inner: Any = None
) -> dict[str, Any]:
    """Clips boxes to the images, and returns them as attributes of a `Batch`.

    Args:
        batch: with the labels of the boxes.
        boxes: float32 `(B, N, 4)`, "xyxy" in pixels.
        sizes: float32 `(B, 2)`, heights and widths of the images.
        format: to return them in.
        inner: the same of the part of the images that holds something; None for all.
    """
    ops = batch.engine.ops
    scale = as_scale(sizes, ops)
    corner = scale if inner is None else as_scale(inner, ops)
    limits = ops.concatenate([corner, corner], axis=-1)
    clipped = ops.minimum(ops.maximum(boxes, 0.0), limits)
    extent = clipped[..., 2:] - clipped[..., :2]
    # Not-a-number is not larger either.
    is_left = ops.all(extent > 0, axis=-1) & ~batch.padding
    converted = from_xyxy(clipped, format, scale, ops)
    labels = {
        name: ops.where(_fit(is_left, values), values, ops.cast(PADDING, values.dtype))
        for name, values in batch.box_labels.items()
    }
    converted = ops.where(is_left[..., None], converted, PADDING)
    return {"boxes": converted, "box_labels": labels}


def _move_keypoints(batch: Batch, transform: Transform, limits: Any) -> Any:
    ops = batch.engine.ops
    points = batch.keypoints
    moved = move_points(points[..., :2], transform.matrix, ops)
    inside = ops.all(
        (moved >= 0) & (moved <= as_scale(limits, ops)), axis=-1, keepdims=True
    )
    is_padding = ops.all(points[..., :2] == PADDING, axis=-1, keepdims=True)
    moved = ops.where(inside & ~is_padding, moved, PADDING)
    return ops.concatenate([moved, points[..., 2:]], axis=-1)


def as_scale(sizes: Any, ops: Operations) -> Any:
    """Turns heights and widths `(B, 2)` into widths and heights `(B, 1, 2)`."""
    return ops.stack([sizes[:, 1], sizes[:, 0]], axis=1)[:, None]


def _fit(mask: Any, values: Any) -> Any:
    return mask if len(values.shape) == 2 else mask[..., None]
