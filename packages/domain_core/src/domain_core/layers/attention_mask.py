"""Masks of attention, and the bias that one becomes.

Shapes: `B` batch, `T` queries, `S` keys. A mask is true where a query may attend.
"""

from __future__ import annotations

from typing import Any

import keras

from domain_core.layers.position_indices import position_indices


def attention_bias(mask: Any, dtype: str) -> Any:
    """Turns a mask into what is added to the scores of attention.

    The bias is large but finite, so that a query that may attend to nothing attends
    evenly instead of giving NaN.

    Args:
        mask: bool tensor, or None.
        dtype: compute dtype of the attention.

    Returns:
        Tensor of the shape of `mask`: 0 where it is true, a large negative number
        elsewhere; None without a mask.
    """
    if mask is None:
        return None
    lowest = -30000.0 if dtype == "float16" else -1e9
    # By a product: a number on its way to a GPU waits for all that runs there.
    return keras.ops.cast(keras.ops.logical_not(mask), dtype) * lowest


def source_bias(padding_mask: Any, dtype: str) -> Any:
    """Returns the bias of attention to a sequence with padding, `(B, 1, 1, S)`.

    Args:
        padding_mask: int or bool `(B, S)`, nonzero for real tokens.
        dtype: compute dtype of the attention.
    """
    mask = keras.ops.not_equal(padding_mask, 0)[:, None, None, :]
    return attention_bias(mask, dtype)


def merge_masks(
    padding_mask: Any, attention_mask: Any, queries: int | None, keys: int | None
) -> Any:
    """Merges a mask of keys and a mask of pairs.

    Args:
        padding_mask: bool, int or float `(B, S)`, nonzero for real keys; or None.
        attention_mask: the same `(B, T, S)`, nonzero where a query may attend to a
            key; or `(T, S)` for all samples, or `(B, H, T, S)`; or None.
        queries: number of queries `T`, or None if it is not known.
        keys: number of keys `S`, or None if it is not known.

    Returns:
        Bool tensor that broadcasts to `(B, H, T, S)`, or None without masks.

    Raises:
        ValueError: if a mask has another shape.
    """
    merged = None
    if padding_mask is not None:
        _check_shape("padding", padding_mask, ("batch",), keys)
        merged = keras.ops.not_equal(padding_mask, 0)[:, None, None, :]
    if attention_mask is not None:
        axes = {2: (), 4: ("batch", "heads")}.get(len(attention_mask.shape), ("batch",))
        rows = "queries" if queries is None else str(queries)
        _check_shape("attention", attention_mask, (*axes, rows), keys)
        pairs = keras.ops.not_equal(attention_mask, 0)
        while len(pairs.shape) < 4:  # as Keras' attention does
            pairs = keras.ops.expand_dims(pairs, -3)
        merged = pairs if merged is None else keras.ops.logical_and(merged, pairs)
    return merged


def causal_mask(length: Any, size: Any, start: Any = 0) -> Any:
    """Returns which of the keys each query may see: none that comes later.

    Args:
        length: number of queries `T`.
        size: number of keys `S`.
        start: position of the first query among the keys; an int or an int tensor.

    Returns:
        Bool tensor `(1, 1, T, S)`.
    """
    queries, keys = position_indices(length, start), position_indices(size)
    return (queries[:, None] >= keys[None, :])[None, None]


def _check_shape(name: str, mask: Any, axes: tuple[str, ...], keys: int | None) -> None:
    # One key stands for all, as upstream has it in a step of a decoder.
    expected = (*axes, "keys" if keys is None else str(keys))
    if len(mask.shape) == len(expected) and all(
        not size.isdecimal() or found in (None, 1, int(size))
        for size, found in zip(expected, mask.shape, strict=True)
    ):
        return
    shape = ", ".join(expected)
    raise ValueError(
        f"Expected the {name} mask to have the shape ({shape}), received "
        f"{tuple(mask.shape)}."
    )
