"""The largest values; of equal ones the first, which torch's own does not promise."""

from __future__ import annotations

from typing import Any

import keras

if keras.config.backend() == "torch":
    import torch

    def _top_k(x, k):
        # Places are part of the key that is sorted: free, where a stable sort of all
        # takes ten times longer. Without a sign, bits are in the order of the floats.
        bits = (x + 0.0).view(torch.int32)
        bits = torch.where(bits < 0, bits ^ 0x7FFFFFFF, bits).to(torch.int64)
        last = x.shape[-1] - 1
        places = torch.arange(last, -1, -1, device=x.device)
        keys = torch.topk((bits << 32) | places, k).values
        indices = last - (keys & 0xFFFFFFFF)
        return x.gather(-1, indices), indices.to(torch.int32)

else:

    def _top_k(x, k):
        return keras.ops.top_k(x, k)


def top_k(x: Any, k: int) -> tuple[Any, Any]:
    """Finds the largest values along the last axis, in order, with their places.

    Args:
        x: float32 tensor `(..., N)` without NaN.
        k: how many, at most `N`.

    Returns:
        Values and int32 places, both `(..., k)`. Equal values stay in their order.
    """
    return _top_k(x, k)
