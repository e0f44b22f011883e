"""Splits features into heads and joins them; native on torch."""

from __future__ import annotations

from typing import Any

import keras

if keras.config.backend() == "torch":

    def _split_heads(x, heads):
        return x.view(*x.shape[:-1], heads, -1)

    def _join_heads(x):
        return x.flatten(-2)

    def _heads_first(x):
        return x.transpose(1, 2)

else:

    def _split_heads(x, heads):
        *_, time, width = keras.ops.shape(x)
        return keras.ops.reshape(x, (-1, time, heads, width // heads))

    def _join_heads(x):
        *_, time, heads, width = keras.ops.shape(x)
        return keras.ops.reshape(x, (-1, time, heads * width))

    def _heads_first(x):
        return keras.ops.transpose(x, (0, 2, 1, 3))


def split_heads(x: Any, heads: int) -> Any:
    """Returns `(B, T, H * h)` as `(B, T, H, h)`."""
    return _split_heads(x, heads)


def join_heads(x: Any) -> Any:
    """Returns `(B, T, H, h)` as `(B, T, H * h)`."""
    return _join_heads(x)


def heads_first(x: Any) -> Any:
    """Returns `(B, T, H, h)` as `(B, H, T, h)`."""
    return _heads_first(x)
