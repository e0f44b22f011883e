"""Boxes of a batch with as many rows per image as there are, and made dense.

Such boxes come as ragged TensorFlow tensors, or as a list with rows for each image.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from domain_core.arrays import operations
from domain_core.arrays.host_call import is_ragged_tensor, is_tensorflow
from domain_core.arrays.operations import Operations

PADDING = -1


def is_ragged(values: Any) -> bool:
    """Whether there are rows for each image instead of one array for all.

    A list of single boxes, or of numbers, is an array.
    """
    if is_ragged_tensor(values):
        return True
    if not isinstance(values, list | tuple) or not values:
        return False
    axes = {_axes(image) for image in values}
    if len(axes) > 1 or axes == {2}:
        return True
    return axes == {1} and (
        len({len(image) for image in values}) > 1 or not len(values[0])
    )


def read(values: Any) -> tuple[Any, Any]:
    """Makes boxes dense.

    Args:
        values: boxes of any form.

    Returns:
        Array or tensor `(..., 4)` with padding, -1; and bool `(B, N)`, which rows are
        none, or None if the boxes were dense.

    Raises:
        ValueError: if they are not four numbers each.
    """
    dense = to_array(values, inner=(4,))
    if not len(dense.shape) or dense.shape[-1] != 4:
        raise ValueError(
            "Expected boxes with four numbers each on the last axis, received the "
            f"shape {tuple(dense.shape)}."
        )
    return dense, present(values, dense) if is_ragged(values) else None


def present(values: Any, dense: Any) -> Any:
    """Returns which rows of what was made dense are none of padding, bool `(B, N)`."""
    if is_ragged_tensor(values):
        import tensorflow as tf

        return tf.sequence_mask(values.row_lengths(), tf.shape(dense)[1])
    counts = np.array([len(image) for image in values])
    return np.arange(dense.shape[1]) < counts[:, None]


def to_array(values: Any, inner: tuple[int, ...] = (), fill: float = PADDING) -> Any:
    """Returns one array or tensor.

    Args:
        values: an array, a tensor, numbers in lists, or rows for each image.
        inner: shape of a row where the values do not tell it.
        fill: what padding holds.

    Raises:
        ValueError: if the images of a list have different kinds of rows.
    """
    if is_ragged_tensor(values):
        shape = (None, None, *(inner or values.shape[2:]))
        return values.to_tensor(default_value=fill, shape=shape)
    if not isinstance(values, list | tuple):
        return values
    ops = operations.of(*values)
    if not is_ragged(values):
        array = ops.convert_to_tensor(values)
        return array if len(values) else ops.reshape(array, (0, *inner))
    images = [ops.convert_to_tensor(image) for image in values]
    # An empty list tells neither the shape of its rows nor their dtype.
    known = [image for image in images if image.shape[0]]
    shapes = {tuple(image.shape[1:]) for image in known} or {inner}
    if len(shapes) > 1 or (inner and shapes != {inner}):
        raise ValueError(
            f"Expected rows of {inner[0] if inner else 'as many'} numbers for all "
            "images of a list, received the shapes "
            f"{[tuple(image.shape) for image in images][:8]}."
        )
    dtypes = {str(image.dtype) for image in known}
    dtype = known[0].dtype if len(dtypes) == 1 else "float32"
    longest = max(image.shape[0] for image in images)
    images = [
        ops.cast(ops.reshape(x, (x.shape[0], *min(shapes))), dtype) for x in images
    ]
    return ops.stack([resize(image, longest, 0, fill, ops) for image in images])


def resize(values: Any, length: int, axis: int, fill: float, ops: Operations) -> Any:
    """Pads or cuts an axis to a length."""
    widths = [(0, 0)] * len(values.shape)
    widths[axis] = (0, length)
    padded = ops.pad(values, widths, constant_values=fill)
    cut = padded[(slice(None),) * axis + (slice(length),)]
    if is_tensorflow(cut):
        import tensorflow as tf

        shape = [*cut.shape]
        shape[axis] = length
        cut = tf.ensure_shape(cut, shape)
    return cut


def select(values: Any, kept: Any) -> Any:
    """Returns some of the rows.

    Args:
        values: array or tensor `(N, ...)` or `(B, N, ...)`.
        kept: bool `(N,)` or `(B, N)`.

    Returns:
        Without a batch, an array or tensor. Else a ragged tensor of TensorFlow, or a
        list with an array or tensor for each image.
    """
    is_batched = len(kept.shape) > 1
    if is_tensorflow(values):
        import tensorflow as tf

        mask = tf.ragged.boolean_mask if is_batched else tf.boolean_mask
        return mask(values, kept)
    if not is_batched:
        return values[kept]
    return [select(image, rows) for image, rows in zip(values, kept, strict=True)]


def as_padding(values: Any, kept: Any, ops: Operations) -> Any:
    """Writes -1 over the rows that are not kept.

    Args:
        values: numbers `(..., N)` or `(..., N, n)`.
        kept: bool `(..., N)`.
        ops: functions of the arrays.

    Returns:
        The same of the same dtype, but int32 where that has no -1.
    """
    if "uint" in str(values.dtype):
        values = ops.cast(values, "int32")
    if len(values.shape) > len(kept.shape):
        kept = kept[..., None]
    return ops.where(kept, values, ops.cast(PADDING, values.dtype))


def is_filled(boxes: Any, ops: Operations) -> Any:
    """Returns which boxes `(..., 4)` hold -1 alone, bool `(...)`."""
    first, second, third, fourth = (ops.equal(boxes[..., i], PADDING) for i in range(4))
    return ops.logical_and(
        ops.logical_and(first, second), ops.logical_and(third, fourth)
    )


def is_padding(
    bounding_boxes: dict[str, Any], ops: Operations, sentinel: float = PADDING
) -> Any:
    """Returns which rows have the class of padding, bool `(..., N)`.

    Args:
        bounding_boxes: dense, with "boxes" and "classes", one-hot or not.
        ops: functions of the arrays.
        sentinel: the class of padding.
    """
    classes = bounding_boxes["classes"]
    missing = ops.equal(ops.cast(classes, "float32"), float(sentinel))
    is_one_hot = len(classes.shape) == len(bounding_boxes["boxes"].shape)
    return ops.all(missing, axis=-1) if is_one_hot else missing


def _axes(values: Any) -> int:
    return len(values.shape) if hasattr(values, "shape") else np.ndim(values)
