"""The short way through a sublayer, where it is the same as the ordinary one.

`Layer.__call__` costs 40 to 100 microseconds of Python on torch. A block calls its
sublayers' math directly, but only if nothing is attached that `__call__` alone
honours: a quantized layer computes nonsense by its weights, a layer under another
dtype policy the wrong precision.
"""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.weights.initialization import initializer


def project(dense: keras.layers.Dense, x: Any, policy: Any) -> Any:
    """Applies a dense sublayer of a block.

    Args:
        dense: a built dense layer without activation.
        x: tensor `(..., D)`.
        policy: the block's dtype policy; quantizing a sublayer replaces the
            sublayer's own, and so leads back to the ordinary call. LoRA is part of
            `dense.kernel`.

    Returns:
        Tensor `(..., E)`.
    """
    if not _plain(dense, policy) or dense.activity_regularizer is not None:
        return dense(x)
    return ops.linear(x, _tensor(dense.kernel), _tensor(dense.bias))


def normalize(norm: keras.layers.LayerNormalization, x: Any, policy: Any) -> Any:
    """Applies a layer-normalization sublayer of a block, as `project` does a dense."""
    if not _plain(norm, policy):
        return norm(x)
    return ops.layer_norm(x, norm.gamma.value, norm.beta.value, norm.epsilon)


def look_up(embedding: keras.layers.Embedding, ids: Any, policy: Any) -> Any:
    """Applies an embedding sublayer of a block, as `project` does a dense.

    The short way casts no row: under a layer that autocasts, the table is cast, else
    the rows come in the dtype of the variables.
    """
    if not _plain(embedding, policy) or embedding.lora_enabled:
        return embedding(ids)
    return ops.take_rows(embedding.embeddings.value, ids)


def dense(units: int, name: str, layer: keras.Layer, **kwargs: Any) -> Any:
    """Makes a dense sublayer for `project`, under the policy of the layer that owns it.

    Args:
        units: size of the last axis of its output.
        name: the attribute it is assigned to.
        layer: the owner, which has `kernel_initializer` and `bias_initializer`.
        **kwargs: further arguments of `keras.layers.Dense`.
    """
    return keras.layers.Dense(
        units,
        kernel_initializer=initializer(layer.kernel_initializer),
        bias_initializer=initializer(layer.bias_initializer),
        dtype=layer.dtype_policy,
        name=name,
        **kwargs,
    )


def _plain(layer: keras.Layer, policy: Any) -> bool:
    """Whether a sublayer is under the block's policy, and that is of one precision.

    A map may say something else of the sublayer, or that it is quantized.
    """
    return layer.dtype_policy is policy and type(policy) is keras.DTypePolicy


def _tensor(weight: Any) -> Any:
    return weight.value if isinstance(weight, keras.Variable) else weight
