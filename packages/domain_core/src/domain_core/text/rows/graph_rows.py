"""Rows of tokens from tensors of a TensorFlow graph, and back to tensors or arrays."""

from __future__ import annotations

from typing import Any

from domain_core.arrays.host_call import is_tensorflow, rank
from domain_core.arrays.ragged import Ragged
from domain_core.text.text_inputs import as_rows


def as_tensor_rows(inputs: Any, name: str = "inputs") -> tuple[Ragged, bool]:
    """Reads one row of tokens, or a batch of rows of any lengths, in a graph.

    Args:
        inputs: a tensor of integers or strings, `(T,)` or `(B, T)`; or a ragged one.
        name: what to call `inputs` in errors.

    Returns:
        The rows as tensors, int32 or string; and whether `inputs` was a single one.

    Raises:
        ValueError: if anything else is found.
    """
    import tensorflow as tf

    if not is_tensorflow(inputs):
        return as_rows(inputs, name)
    axes = rank(inputs, name)
    if not (inputs.dtype.is_integer or inputs.dtype == tf.string) or axes not in (1, 2):
        raise ValueError(
            f"Expected `{name}` to be integer ids or string tokens, one row or a batch "
            f"of rows, received {inputs}."
        )
    values, lengths = inputs, tf.shape(inputs, "int64")
    if isinstance(inputs, tf.RaggedTensor):
        values, lengths = inputs.values, tf.cast(inputs.row_lengths(), "int64")
    elif axes == 2:
        values, lengths = tf.reshape(inputs, [-1]), tf.fill(lengths[:1], lengths[1])
    if values.dtype != tf.string:
        values = tf.cast(values, "int32")
    return Ragged(values, lengths), axes == 1


def like(inputs: Any, values: Any) -> Any:
    """Gives flat values the form of the tensor whose values they were."""
    import tensorflow as tf

    if isinstance(inputs, tf.RaggedTensor):
        return inputs.with_values(values)
    return tf.ensure_shape(tf.reshape(values, tf.shape(inputs)), inputs.shape)


def as_ragged_tensor(rows: Ragged) -> Any:
    """Returns rows of tensors as a ragged tensor."""
    import tensorflow as tf

    return tf.RaggedTensor.from_row_lengths(rows.values, rows.lengths, validate=False)


def rectangular(rows: Ragged, width: int | None = None) -> Any:
    """Returns rows of one length as an array, others as a list.

    Args:
        rows: NumPy rows.
        width: the length of all, where it is known; if there are no rows it counts.
    """
    if width is None:
        width = int(rows.lengths[:1].sum())
    if (rows.lengths == width).all():
        return rows.values.reshape(len(rows), width)
    return rows.rows()
