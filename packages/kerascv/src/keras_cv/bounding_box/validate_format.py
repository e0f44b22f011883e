"""What a dict of boxes has to look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from domain_core.arrays import operations
from domain_core.arrays.host_call import is_ragged_tensor, is_tensorflow
from domain_core.arrays.operations import Operations
from keras_cv.bounding_box import rows

# What a dict holds for each box.
KEYS = ("boxes", "classes", "confidence")


def validate_format(
    bounding_boxes: Any, variable_name: str = "bounding_boxes"
) -> dict[str, bool]:
    """Checks a dict of boxes.

    Args:
        bounding_boxes: dict with "boxes" `(N, 4)` or `(B, N, 4)` and "classes", a
            number or a one-hot row per box. Both dense, or both ragged: ragged
            tensors, or lists with rows for each image.
        variable_name: how errors call it.

    Returns:
        Whether it "is_batched", is "ragged", and has "classes_one_hot".

    Raises:
        ValueError: if it is none.
    """
    if not isinstance(bounding_boxes, Mapping) or not (
        {"boxes", "classes"} <= set(bounding_boxes)
    ):
        found = (
            f"a dict with {sorted(bounding_boxes)}"
            if isinstance(bounding_boxes, Mapping)
            else type(bounding_boxes).__name__
        )
        raise ValueError(
            f'Expected `{variable_name}` to be a dict with "boxes" and "classes", '
            f"received {found}."
        )
    boxes, classes = (bounding_boxes[key] for key in ("boxes", "classes"))
    boxes_ragged, classes_ragged = rows.is_ragged(boxes), rows.is_ragged(classes)
    # A list of lists of classes is regular by chance if counts are equal.
    if isinstance(classes, list | tuple) and boxes_ragged:
        classes_ragged = True
    if boxes_ragged != classes_ragged:
        raise ValueError(
            f'Expected "boxes" and "classes" of `{variable_name}` to be both ragged or '
            f"both dense, received {_kind(boxes_ragged)} boxes and "
            f"{_kind(classes_ragged)} classes. Use `to_dense` or `to_ragged`."
        )
    boxes, present = rows.read(boxes)
    counts = None if present is None else _counts(bounding_boxes["boxes"])
    if counts != (None if present is None else _counts(bounding_boxes["classes"])):
        raise ValueError(
            f'Expected as many "classes" as "boxes" for each image of '
            f"`{variable_name}`, received {_counts(bounding_boxes['classes'])} and "
            f"{counts}."
        )
    classes = rows.to_array(classes)
    axes = len(boxes.shape)
    if axes not in (2, 3) or len(classes.shape) not in (axes - 1, axes):
        raise ValueError(
            f'Expected "boxes" of `{variable_name}` as (N, 4) or (B, N, 4), with one '
            "class or one-hot row each; received the shapes "
            f"{tuple(boxes.shape)} and {tuple(classes.shape)} of the classes."
        )
    for first, second in zip(boxes.shape[:-1], classes.shape, strict=False):
        if None not in (first, second) and first != second:
            raise ValueError(
                f'Expected as many "classes" as "boxes" in `{variable_name}`, received '
                f"the shapes {tuple(classes.shape)} and {tuple(boxes.shape)}."
            )
    return {
        "is_batched": axes == 3,
        "ragged": boxes_ragged,
        "classes_one_hot": len(classes.shape) == axes,
    }


def ensure_tensor(boxes: dict[str, Any], dtype: Any = None) -> dict[str, Any]:
    """Turns what a dict holds for each box into tensors.

    Args:
        boxes: dict with any of "boxes", "classes" and "confidence".
        dtype: of the tensors; None for those of the values.

    Returns:
        Copy of the dict with tensors of TensorFlow if there was one, and else of the
        backend. Ragged tensors stay ragged, lists of rows become dense.
    """
    outputs = dict(boxes)
    known = [key for key in KEYS if key in boxes]
    is_host = not is_tensorflow(*(boxes[key] for key in known))
    ops: Operations = keras.ops if is_host else operations.tensorflow_operations()
    for key in known:
        values = rows.to_array(boxes[key]) if is_host else boxes[key]
        if not is_ragged_tensor(values):
            values = ops.convert_to_tensor(values)
        outputs[key] = values if dtype is None else ops.cast(values, dtype)
    return outputs


def _counts(values: Any) -> list[int] | None:
    """Returns the numbers of rows in a list, where that is what there is."""
    if is_ragged_tensor(values):
        return None
    return [len(image) for image in values]


def _kind(is_ragged: bool) -> str:
    return "ragged" if is_ragged else "dense"
