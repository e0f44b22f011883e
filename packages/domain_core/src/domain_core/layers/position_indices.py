"""The positions of a sequence, for layers that encode them."""

from __future__ import annotations

from typing import Any

import keras


def position_indices(length: Any, start_index: Any = 0) -> Any:
    """Returns `start_index, start_index + 1, ...`, int32 `(T,)`.

    Args:
        length: number of positions `T`.
        start_index: the first; an int or an int tensor.
    """
    positions = keras.ops.arange(length, dtype="int32")
    if isinstance(start_index, int) and start_index == 0:
        return positions
    return positions + keras.ops.cast(start_index, "int32")
