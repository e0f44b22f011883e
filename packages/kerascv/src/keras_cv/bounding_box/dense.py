"""Boxes with padding, and without: as many rows for all images, or as there are."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.arrays import operations
from keras_cv.bounding_box import rows
from keras_cv.bounding_box.validate_format import KEYS, validate_format


def to_dense(
    bounding_boxes: dict[str, Any],
    max_boxes: int | None = None,
    default_value: float = -1,
) -> dict[str, Any]:
    """Pads the boxes of all images to one number.

    Args:
        bounding_boxes: dict with "boxes" and "classes", and "confidence" if there is
            any: ragged tensors, lists with rows for each image, or dense.
        max_boxes: the number; what is more is cut, and the shape is static then. None
            for that of the image with most.
        default_value: what padding holds.

    Returns:
        Copy of the dict with arrays or tensors `(B, max_boxes, ...)`. Dense boxes stay
        as they are where `max_boxes` is None.

    Raises:
        ValueError: see `validate_format`.

    Example:
        >>> boxes = {"boxes": [[[0, 0, 4, 4]], []], "classes": [[2], []]}
        >>> keras_cv.bounding_box.to_dense(boxes)["classes"].tolist()
        [[2], [-1]]
    """
    info = validate_format(bounding_boxes)
    if max_boxes is not None:
        as_positive_int("max_boxes", max_boxes)
    outputs = dict(bounding_boxes)
    for name in (key for key in KEYS if key in bounding_boxes):
        inner = (4,) if name == "boxes" else ()
        values = rows.to_array(bounding_boxes[name], inner, default_value)
        if max_boxes is not None:
            axis = int(info["is_batched"])
            ops = operations.of(values)
            values = rows.resize(values, max_boxes, axis, default_value, ops)
        outputs[name] = values
    return outputs


def to_ragged(
    bounding_boxes: dict[str, Any], sentinel: float = -1, dtype: Any = "float32"
) -> dict[str, Any]:
    """Drops the rows of padding.

    How many rows are left depends on values, so that this can't be compiled, except
    with TensorFlow.

    Args:
        bounding_boxes: dense dict with "boxes" and "classes", and "confidence" if there
            is any. Ragged ones lose rows of the sentinel too.
        sentinel: class of the rows to drop.
        dtype: of what is returned.

    Returns:
        Copy of the dict. With a batch, TensorFlow's tensors become ragged tensors
        `(B, None, ...)`, others lists with an array for each image.

    Raises:
        ValueError: see `validate_format`.
    """
    outputs = to_dense(bounding_boxes, default_value=sentinel)
    ops = operations.of(*(outputs[key] for key in KEYS if key in outputs))
    kept = ops.logical_not(rows.is_padding(outputs, ops, sentinel))
    for name in (key for key in KEYS if key in outputs):
        outputs[name] = rows.select(ops.cast(outputs[name], dtype), kept)
    return outputs


def mask_invalid_detections(
    bounding_boxes: dict[str, Any], output_ragged: bool = False
) -> dict[str, Any]:
    """Writes -1 over the rows behind the last detection.

    Args:
        bounding_boxes: dense dict with "boxes" `(B, N, 4)`, "classes", "num_detections"
            `(B,)` and, if there is any, "confidence".
        output_ragged: whether to drop these rows, see `to_ragged`.

    Returns:
        Copy of the dict.

    Raises:
        ValueError: if boxes are ragged or "num_detections" is missing.
    """
    info = validate_format(bounding_boxes)
    if info["ragged"] or "num_detections" not in bounding_boxes:
        raise ValueError(
            'Expected dense boxes and "num_detections", received '
            f"{'ragged' if info['ragged'] else 'dense'} ones with the keys "
            f"{sorted(bounding_boxes)}. Use `to_dense` before."
        )
    outputs = to_dense(bounding_boxes)
    count = outputs["num_detections"]
    ops = operations.of(outputs["boxes"], count)
    places = ops.arange(ops.shape(outputs["boxes"])[-2], dtype="int32")
    count = ops.cast(count, "int32")[..., None]
    kept = ops.cast(places, "int32") < count  # (B, N)
    for name in (key for key in KEYS if key in outputs):
        outputs[name] = rows.as_padding(outputs[name], kept, ops)
    return to_ragged(outputs) if output_ragged else outputs
