"""Which probabilities are kept: all that are not below a threshold.

Ties are kept together, so that the result does not depend on an order of equals.
"""

from __future__ import annotations

from typing import Any

import keras

if keras.config.backend() == "torch":
    import torch

    def _of_top_k(probabilities, k):
        k = min(k, probabilities.shape[-1])
        return torch.topk(probabilities, k, dim=-1).values[:, -1:]

    def _of_top_p(probabilities, p):
        # Where few are left, as after top-k, the others need no sorting.
        ordered = torch.sort(probabilities, dim=-1, descending=True).values
        sums = torch.cumsum(ordered, -1)
        first = (sums < p * sums[:, -1:]).sum(-1, keepdim=True)
        return torch.gather(ordered, 1, first.clamp(max=ordered.shape[1] - 1))

else:

    def _of_top_k(probabilities, k):
        ones = keras.ops.ones_like(probabilities)
        return _largest(probabilities, ones, keras.ops.cast(k, "float32"))

    def _of_top_p(probabilities, p):
        total = keras.ops.sum(probabilities, axis=-1, keepdims=True)
        return _largest(probabilities, probabilities, p * total)

    def _largest(values, weights, target):
        """Returns the largest threshold that leaves a weight of `target`.

        By bisection over the bits of a float, which for floats from 0 to 1 are ordered
        as they are: sorting a vocabulary costs ten times as much under XLA.
        """
        bits = keras.ops.view(values, "int32")
        low = keras.ops.zeros_like(bits[:, :1])
        high = low + 0x3F800000  # the bits of 1.0

        def halve(low, high):
            middle = low + (high - low + 1) // 2
            kept = keras.ops.where(bits >= middle, weights, 0.0)
            enough = keras.ops.sum(kept, axis=-1, keepdims=True) >= target
            return (
                keras.ops.where(enough, middle, low),
                keras.ops.where(enough, high, middle - 1),
            )

        low, _ = keras.ops.while_loop(
            lambda low, high: keras.ops.any(low < high), halve, (low, high)
        )
        return keras.ops.view(low, "float32")


def top_k_threshold(probabilities: Any, k: Any) -> Any:
    """Returns the `k`-th largest probability of each row.

    Args:
        probabilities: float32 `(B, V)`.
        k: an int from 1 on, above `V` the same as `V`; an int tensor elsewhere than on
            torch.

    Returns:
        Float32 `(B, 1)`.
    """
    return _of_top_k(probabilities, k)


def top_p_threshold(probabilities: Any, p: Any) -> Any:
    """Returns the smallest probability of the fewest that make up a share of all.

    Args:
        probabilities: float32 `(B, V)`; they need not sum to 1.
        p: share in `(0, 1]`, a float or a tensor.

    Returns:
        Float32 `(B, 1)`.
    """
    return _of_top_p(probabilities, p)
