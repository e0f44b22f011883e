"""What rows of tokens hold, in tables `(B, S)` of `B` rows and `S` slots.

Nothing here asks a GPU for a number, or brings one to it; see `RecordedStep`.
"""

from __future__ import annotations

from typing import Any

import keras


def column(table: Any, index: Any) -> Any:
    """Returns one column `(B, 1)` of a table `(B, S)`."""
    if isinstance(index, int):
        return table[:, index : index + 1]
    if keras.config.backend() == "torch":
        return table.index_select(1, index.reshape(1))  # a slice asks for the number
    return keras.ops.slice(table, (0, index), (table.shape[0], 1))


def held(tokens: Any, there: Any, vocabulary_size: int) -> Any:
    """Returns which tokens rows hold, bool `(B, V)`.

    Args:
        tokens: int32 `(B, S)`.
        there: bool `(B, S)`, slots that count.
        vocabulary_size: `V`.
    """
    size = vocabulary_size + 1  # the last one stands for what does not count
    there = keras.ops.cast(there, "int32")
    tokens = tokens * there + vocabulary_size * (1 - there)
    rows = keras.ops.arange(tokens.shape[0], dtype="int32")[:, None] * size
    indices = keras.ops.reshape(rows + tokens, (-1, 1))
    # Keras' `scatter` is a loop in Python on torch.
    found = keras.ops.scatter_update(
        keras.ops.zeros((tokens.shape[0] * size,), dtype="int32"),
        indices,
        keras.ops.ones(indices.shape[:1], dtype="int32"),
    )
    return keras.ops.reshape(found, (-1, size))[:, :vocabulary_size] > 0
