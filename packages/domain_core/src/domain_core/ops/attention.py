"""Scaled dot-product attention with an additive bias; fused on torch.

Shapes: `B` batch, `T` queries, `S` keys, `H` heads, `h` width of a head.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from domain_core.ops.dropout import dropout as drop

if keras.config.backend() == "torch":
    import torch

    def _attention(query, key, value, bias, dropout, seed):
        query, key, value = (x.transpose(1, 2) for x in (query, key, value))
        if dropout:
            # With dropout the fused kernel falls back to a slower form of this on CPU.
            scale = 1.0 / math.sqrt(query.shape[-1])
            scores = torch.matmul(query * scale, key.transpose(-1, -2))  # (B, H, T, S)
            if bias is not None:
                scores = scores + bias
            mixed = torch.matmul(drop(torch.softmax(scores, -1), dropout, seed), value)
        else:
            mixed = torch.nn.functional.scaled_dot_product_attention(
                query, key, value, attn_mask=bias
            )  # (B, H, T, h)
        return mixed.transpose(1, 2)

else:

    def _attention(query, key, value, bias, dropout, seed):
        query = ops.multiply(query, 1.0 / math.sqrt(query.shape[-1]))
        query = ops.transpose(query, (0, 2, 1, 3))  # (B, H, T, h)
        key = ops.transpose(key, (0, 2, 3, 1))  # (B, H, h, S)
        value = ops.transpose(value, (0, 2, 1, 3))  # (B, H, S, h)
        scores = ops.matmul(query, key)  # (B, H, T, S)
        if bias is not None:
            scores = ops.add(scores, bias)
        probabilities = ops.softmax(scores, axis=-1)
        if dropout:
            probabilities = drop(probabilities, dropout, seed)
        return ops.transpose(ops.matmul(probabilities, value), (0, 2, 1, 3))


def attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any | None = None,
    *,
    dropout: float = 0.0,
    seed: keras.random.SeedGenerator | None = None,
) -> Any:
    """Returns softmax(query key^T / sqrt(h) + bias) value.

    Args:
        query: tensor `(B, T, H, h)`.
        key: tensor `(B, S, H, h)`.
        value: tensor `(B, S, H, h)`.
        bias: tensor that broadcasts to `(B, H, T, S)`, or None.
        dropout: share of the attention probabilities to drop.
        seed: source of randomness for dropout.

    Returns:
        Tensor `(B, T, H, h)`.
    """
    return _attention(query, key, value, bias, dropout, seed)
