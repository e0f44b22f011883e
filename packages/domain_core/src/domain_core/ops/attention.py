"""Scaled dot-product attention with an additive bias; fused on torch.

Shapes: `B` batch, `T` queries, `S` keys, `H` heads of queries, `K` heads of keys, `h`
width of a head. `G = H / K` query heads share one of keys, which is never repeated.
"""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from domain_core.ops.dropout import dropout as drop
from domain_core.ops.heads import heads_first as heads_to_front

if keras.config.backend() == "torch":
    import torch
    import torch.nn.functional as F

    def _apart(condition, function, otherwise):
        return function()

    def _attention(query, key, value, bias, dropout, seed, scale, soft_cap):
        batch, time, heads, width = query.shape
        groups = heads // key.shape[1]
        query = query.transpose(1, 2)
        if dropout or soft_cap is not None:
            # With dropout the fused kernel falls back to a slower form of this on CPU.
            mixed = _unfused(query, key, value, bias, dropout, seed, scale, soft_cap)
        elif groups > 1 and time == 1:
            # The heads that share keys stand where positions do.
            query = query.reshape(batch, heads // groups, groups, width)
            mixed = F.scaled_dot_product_attention(
                query, key, value, attn_mask=bias, scale=scale
            )
            mixed = mixed.reshape(batch, heads, 1, -1)
        else:
            mixed = F.scaled_dot_product_attention(
                query, key, value, attn_mask=bias, scale=scale, enable_gqa=groups > 1
            )  # (B, H, T, h)
        return mixed.transpose(1, 2)

    def _unfused(query, key, value, bias, dropout, seed, scale, soft_cap):
        batch, heads, time, width = query.shape
        groups = heads // key.shape[1]
        query = query.reshape(batch, heads // groups, groups * time, width)
        scores = torch.matmul(query * scale, key.transpose(-1, -2))  # (B, K, G * T, S)
        if soft_cap is not None:
            scores = soft_cap * torch.tanh(scores / soft_cap)
        scores = scores.reshape(batch, heads, time, -1)
        if bias is not None:
            scores = scores + bias
        shares = torch.softmax(scores, -1)
        if dropout:
            shares = drop(shares, dropout, seed)
        shares = shares.reshape(batch, heads // groups, groups * time, -1)
        return torch.matmul(shares, value).reshape(batch, heads, time, -1)

else:

    def _apart(condition, function, otherwise):
        if not keras.distribution.list_devices()[0].startswith("cpu"):
            return function()  # the choice of a branch waits for a GPU
        return ops.cond(condition, function, lambda: otherwise)

    def _attention(query, key, value, bias, dropout, seed, scale, soft_cap):
        time = ops.shape(query)[1]
        heads, width = query.shape[2:]
        kept = key.shape[1]
        query = ops.transpose(ops.multiply(query, scale), (0, 2, 1, 3))  # (B, H, T, h)
        key = ops.transpose(key, (0, 1, 3, 2))  # (B, K, h, S)
        together, size = (-1, kept, heads // kept * time), ops.shape(value)[2]
        if heads > kept:
            query = ops.reshape(query, (*together, width))
        scores = ops.matmul(query, key)
        if heads > kept:
            scores = ops.reshape(scores, (-1, heads, time, size))
        if soft_cap is not None:
            scores = soft_cap * ops.tanh(scores / soft_cap)
        if bias is not None:
            scores = ops.add(scores, bias)
        if isinstance(size, int) and size == 1:
            shares = ops.ones_like(scores)  # of one key; Keras would warn of it
        else:
            shares = ops.softmax(scores, axis=-1)
        if dropout:
            shares = drop(shares, dropout, seed)
        if heads > kept:
            shares = ops.reshape(shares, (*together, size))
        mixed = ops.matmul(shares, value)
        if heads > kept:
            mixed = ops.reshape(mixed, (-1, heads, time, value.shape[-1]))
        return ops.transpose(mixed, (0, 2, 1, 3))


def attention(
    query: Any,
    key: Any,
    value: Any,
    bias: Any | None = None,
    *,
    dropout: float = 0.0,
    seed: keras.random.SeedGenerator | None = None,
    scale: float | None = None,
    soft_cap: float | None = None,
    heads_first: bool = False,
    apart: Any = None,
) -> Any:
    """Returns softmax(scale query key^T + bias) value.

    Args:
        query: tensor `(B, T, H, h)`.
        key: tensor `(B, S, K, h)`; query head `i` goes with head `i // G`.
        value: tensor `(B, S, K, h)`.
        bias: tensor that broadcasts to `(B, H, T, S)`, or None.
        dropout: share of the attention probabilities to drop.
        seed: source of randomness for dropout.
        scale: factor of the scores; None for `1 / sqrt(h)`.
        soft_cap: bends scores, before the bias, so that none is beyond it; or None.
        heads_first: whether keys and values are `(B, K, S, h)`.
        apart: where it runs inside a compiled loop over a cache: a bool tensor that is
            true, and not known to be when the loop is compiled. As a branch of its own
            the products are those of a library; else XLA makes loops of them on a CPU,
            which take two to four times as long.

    Returns:
        Tensor `(B, T, H, h)`.
    """
    scale = 1.0 / math.sqrt(query.shape[-1]) if scale is None else scale
    if not heads_first:
        key, value = heads_to_front(key), heads_to_front(value)

    def attend() -> Any:
        return _attention(query, key, value, bias, dropout, seed, scale, soft_cap)

    return attend() if apart is None else _apart(apart, attend, query)
