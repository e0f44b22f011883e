"""Writes into a buffer along its second axis; in place on torch."""

from __future__ import annotations

from typing import Any

import keras

if keras.config.backend() == "torch":
    import torch

    def _write_rows(buffer, rows, start):
        if isinstance(start, int):
            buffer[:, start : start + rows.shape[1]] = rows
        else:
            steps = torch.arange(rows.shape[1], device=buffer.device)
            buffer.index_copy_(1, start + steps, rows)
        return buffer

else:

    def _write_rows(buffer, rows, start):
        places = (0, start, *(0 for _ in buffer.shape[2:]))
        return keras.ops.slice_update(buffer, places, rows)


def write_rows(buffer: Any, rows: Any, start: Any) -> Any:
    """Replaces `buffer[:, start : start + T]`.

    Args:
        buffer: tensor `(B, S, ...)`, which the caller does not use again.
        rows: tensor `(B, T, ...)` of its dtype.
        start: an int or an int tensor; `start + T` is at most `S`.

    Returns:
        Tensor `(B, S, ...)`; on torch `buffer` itself.
    """
    return _write_rows(buffer, rows, start)
