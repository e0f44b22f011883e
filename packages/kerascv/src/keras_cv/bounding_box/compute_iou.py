"""The overlap of each box with each other one."""

from __future__ import annotations

from typing import Any

from domain_core.arrays.operations import Operations
from keras_cv.bounding_box.formats import Corners
from keras_cv.bounding_box.overlap import (
    divide,
    intersection_and_union,
    read_pair,
    units,
)


def compute_iou(
    boxes1: Any,
    boxes2: Any,
    bounding_box_format: str,
    use_masking: bool = False,
    mask_val: float = -1,
    images: Any = None,
    image_shape: Any = None,
) -> Any:
    """Computes intersection over union of all pairs.

    Boxes without an area have no overlap, 0, not even with themselves. It is the same
    in pixels and relative to the image, so that the size of the image is not needed.

    Args:
        boxes1: `(M, 4)` or `(B, M, 4)`.
        boxes2: `(N, 4)` or `(B, N, 4)`.
        bounding_box_format: of both, see `convert_format`.
        use_masking: whether pairs with a box of padding, all of whose corners are below
            zero, get `mask_val`; else 0.
        mask_val: what they get.
        images: not used.
        image_shape: not used.

    Returns:
        Float32 (float64 for two of float64) `(M, N)`, or `(B, M, N)` if either has a
        batch, in [0, 1].

    Raises:
        ValueError: if shapes do not fit or there is no such format.

    Example:
        >>> keras_cv.bounding_box.compute_iou(
        ...     np.array([[0, 0, 4, 4]]), np.array([[0, 0, 4, 2], [4, 4, 5, 5]]), "xyxy"
        ... ).tolist()
        [[0.5, 0.0]]
    """
    first, second, ops = read_pair(boxes1, boxes2, bounding_box_format)
    for name, box in (("boxes1", first), ("boxes2", second)):
        if len(box[0].shape) not in (1, 2):
            raise ValueError(
                f"Expected `{name}` as (N, 4) or (B, N, 4), received the shape "
                f"{(*box[0].shape, 4)}."
            )
    left, top, right, bottom = first
    first = (left[..., None], top[..., None], right[..., None], bottom[..., None])
    left, top, right, bottom = second
    second = (
        left[..., None, :],
        top[..., None, :],
        right[..., None, :],
        bottom[..., None, :],
    )
    # (..., M, 1) and (..., 1, N) each
    # A second box that is infinite in units of the first has no share of it.
    unit = units(first, ops)
    iou = divide(*intersection_and_union(first, second, unit, ops), ops)
    if not use_masking:
        return iou
    is_padding = ops.logical_or(_is_below_zero(first, ops), _is_below_zero(second, ops))
    return ops.where(is_padding, ops.cast(mask_val, iou.dtype), iou)


def _is_below_zero(box: Corners, ops: Operations) -> Any:
    left, top, right, bottom = box
    furthest = ops.maximum(ops.maximum(left, top), ops.maximum(right, bottom))
    return furthest < 0.0
