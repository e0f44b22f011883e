"""Writes into a buffer along one axis; in place on torch."""

from __future__ import annotations

from typing import Any

import keras

if keras.config.backend() == "torch":
    import torch

    def _write_rows(buffer, rows, start, axis):
        count = rows.shape[axis]
        if isinstance(start, int):
            buffer.narrow(axis, start, count).copy_(rows)
        else:
            steps = torch.arange(count, device=buffer.device)
            buffer.index_copy_(axis, start + steps, rows)
        return buffer

else:

    def _write_rows(buffer, rows, start, axis):
        places = tuple(start if i == axis else 0 for i in range(len(buffer.shape)))
        return keras.ops.slice_update(buffer, places, rows)


def write_rows(buffer: Any, rows: Any, start: Any, axis: int = 1) -> Any:
    """Replaces `buffer[:, start : start + T]`, or that along another axis.

    Args:
        buffer: tensor with `S` rows along the axis, which the caller does not use
            again.
        rows: tensor of its dtype, with `T` rows.
        start: an int or an int tensor; `start + T` is at most `S`.
        axis: that of the rows.

    Returns:
        Tensor of the shape of `buffer`; on torch `buffer` itself.
    """
    return _write_rows(buffer, rows, start, axis)
