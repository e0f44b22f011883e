"""The residual connection around a part of a block.

A block writes `leave(self, x, part(enter(self, x, norm)), norm, training)`, which is
`norm(x + part(x))`, or `x + part(norm(x))` if its norms come first. It has the
attributes `normalize_first`, `dropout` and `seed_generator`.
"""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.layers.projection import normalize


def enter(block: keras.Layer, x: Any, norm: keras.layers.LayerNormalization) -> Any:
    """Returns what a part of a block gets.

    Args:
        block: the layer that the part belongs to.
        x: tensor `(B, T, D)` that comes in.
        norm: sublayer of the block.

    Returns:
        Tensor `(B, T, D)`.
    """
    return normalize(norm, x, block.dtype_policy) if block.normalize_first else x


def leave(
    block: keras.Layer,
    x: Any,
    y: Any,
    norm: keras.layers.LayerNormalization,
    training: Any,
) -> Any:
    """Joins what comes in and what a part has made of it.

    Args:
        block: the layer that the part belongs to.
        x: tensor `(B, T, D)` that comes in.
        y: tensor `(B, T, D)`, result of the part.
        norm: sublayer of the block.
        training: whether to drop a share of `y`.

    Returns:
        Tensor `(B, T, D)`.
    """
    if training and block.dropout:
        y = ops.dropout(y, block.dropout, block.seed_generator)
    if block.normalize_first:
        return x + y
    return normalize(norm, x + y, block.dtype_policy)
