"""One vector per text out of an encoder's outputs."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from domain_core.backbone_outputs import outputs_of, require_outputs

POOLINGS = (
    *("pooled", "first", "cls", "mean", "max"),
    *("weighted_mean", "mean_sqrt_len", "last"),
)


def pool(backbone: keras.Model, inputs: Any, pooling: str | None) -> tuple[str, Any]:
    """Pools the features of a backbone.

    Args:
        backbone: a `Backbone` that gives "sequence_output" or "pooled_output".
        inputs: its inputs; "padding_mask" among them says which tokens are real.
        pooling: "pooled" takes the backbone's own summary, "first" (or "cls") the first
            token, "last" the last real one, "mean" and "max" those over real tokens,
            "weighted_mean" a mean in which the n-th token counts n times,
            "mean_sqrt_len" a sum divided by the root of the number of tokens; None
            takes "pooled" where there is one, else "first".

    Returns:
        The name of the output that is used, and a tensor `(B, D)`.

    Raises:
        ValueError: if `pooling` is something else or the backbone lacks the output.
    """
    if pooling is None:
        pooling = "pooled" if "pooled_output" in outputs_of(backbone) else "first"
    if pooling not in POOLINGS:
        raise ValueError(
            f"Expected `pooling` to be one of {POOLINGS} or None, received {pooling!r}."
        )
    feature = "pooled_output" if pooling == "pooled" else "sequence_output"
    require_outputs(f"pooling={pooling!r}", backbone, feature)
    outputs = backbone(inputs)
    x = outputs[feature] if isinstance(outputs, dict) else outputs
    if pooling in ("first", "cls"):
        return feature, x[:, 0]
    if pooling == "pooled":
        return feature, x
    ops = keras.ops
    real = ops.ones_like(x[:, :, 0], dtype="bool")
    if "padding_mask" in inputs:
        real = ops.not_equal(inputs["padding_mask"], 0)
    real = real[:, :, None]  # (B, T, 1)
    if pooling == "max":
        return feature, ops.max(ops.where(real, x, np.float32(-1e9)), axis=1)
    weights = ops.cast(real, x.dtype)
    places = ops.cumsum(ops.ones_like(weights), axis=1)  # from 1
    if pooling == "last":
        last = ops.max(places * weights, axis=1, keepdims=True)
        weights = ops.cast(ops.equal(places, last), x.dtype)
    if pooling == "weighted_mean":
        weights *= places
    total = ops.maximum(ops.sum(weights, axis=1), 1)
    if pooling == "mean_sqrt_len":
        total = ops.sqrt(total)
    return feature, ops.sum(x * weights, axis=1) / total
