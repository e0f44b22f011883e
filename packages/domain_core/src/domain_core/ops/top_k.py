"""The highest scores; of equal ones the first, which torch's own does not promise."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.ops.is_exporting import is_exporting

if keras.config.backend() == "torch":
    import torch

    def _top_k(scores, k):
        values, indices = torch.topk(scores, k)
        if is_exporting(scores):
            return values, indices  # equal ones in the order of what runs it
        last = values[..., -1:]
        # Which of those that equal the last are among the k is left to chance.
        is_tied = (scores == last).sum(-1) > (values == last).sum(-1)
        is_tied &= last[..., 0] > 0
        if bool(is_tied.any()):
            return _top_k_of_many_equal(scores, k)
        indices = indices.sort(dim=-1).values
        values, order = scores.gather(-1, indices).sort(
            dim=-1, stable=True, descending=True
        )
        return values, indices.gather(-1, order)

    def _top_k_of_many_equal(scores, k):
        # Bits of positive floats are in their order; three times faster than a stable
        # sort of all.
        bits = scores.clamp(min=0).contiguous().view(torch.int32).to(torch.int64)
        last = scores.shape[-1] - 1
        places = torch.arange(last, -1, -1, device=scores.device)
        keys = torch.topk((bits << 32) | places, k).values
        indices = last - (keys & 0xFFFFFFFF)
        return scores.gather(-1, indices), indices

else:

    def _top_k(scores, k):
        if not is_exporting(scores):
            return keras.ops.top_k(scores, k)
        # TensorFlow may be too old for the operation that JAX writes.
        places = keras.ops.argsort(-scores, axis=-1)[..., :k]
        return keras.ops.take_along_axis(scores, places, axis=-1), places


def top_k(scores: Any, k: int) -> tuple[Any, Any]:
    """Finds the highest scores along the last axis, in order, with their places.

    Args:
        scores: float32 tensor `(..., N)`, of at least 0.
        k: how many, at most `N`.

    Returns:
        Values and int32 places, both `(..., k)`. Equal scores stay in their order, but
        for those of 0, which may come in any.
    """
    values, places = _top_k(scores, k)
    return values, keras.ops.cast(places, "int32")
