"""Rows of a table by index; native on torch, where Keras also handles negative ids."""

from __future__ import annotations

from typing import Any

import keras

if keras.config.backend() == "torch":
    from torch.nn import functional


def take_rows(table: Any, ids: Any) -> Any:
    """Looks up rows of a table.

    Args:
        table: tensor `(V, D)`.
        ids: int tensor of any shape, values in `[0, V)`.

    Returns:
        Tensor of shape `ids.shape + (D,)`.
    """
    if keras.config.backend() == "torch":
        return functional.embedding(ids, table)
    return keras.ops.take(table, ids, axis=0)
