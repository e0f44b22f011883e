"""Pulls two views of an image together, and all others apart."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.losses.base import as_number, as_pair

# Takes a view's likeness to itself out of the softmax.
_NEVER = -1e9


@serializable("kerascv")
class SimCLRLoss(RemembersArguments, keras.losses.Loss):
    """Normalized temperature-scaled cross-entropy (NT-Xent) of two views.

    Each view has to tell the other one of its image from all other views in the batch,
    by the cosine of their projections. The losses of both directions are summed, where
    the paper takes their mean.

    Args:
        temperature: what cosines are divided by, above 0.
        reduction: see `keras.losses.Loss`.
        name: of the loss.
        dtype: of the loss; it is computed in float32 at least.

    Call arguments:
        projections_1: `(B, D)`, one view of each image.
        projections_2: `(B, D)`, another view of each.

    Returns:
        Scalar, or `(B,)` with `reduction=None`.

    Raises:
        ValueError: if `temperature` is out of range or shapes differ.

    Reference:
        Chen et al., "A Simple Framework for Contrastive Learning of Visual
        Representations", 2020, https://arxiv.org/abs/2002.05709.

    Example:
        >>> loss = keras_cv.losses.SimCLRLoss(temperature=1.0)
        >>> float(loss(np.ones((1, 3)), np.ones((1, 3))))
        0.0
    """

    def __init__(
        self,
        temperature: float,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "simclr_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.temperature = as_number("temperature", temperature, above=0)

    def call(self, projections_1: Any, projections_2: Any) -> Any:
        first, second = (_normalized(x) for x in as_pair(projections_1, projections_2))
        across = ops.matmul(first, ops.transpose(second)) / self.temperature  # (B, B)
        is_self = ops.cast(ops.eye(ops.shape(first)[0]), across.dtype)
        own = ops.sum(across * is_self, axis=-1)
        losses = 0.0
        for views, similar in ((first, across), (second, ops.transpose(across))):
            within = ops.matmul(views, ops.transpose(views)) / self.temperature
            others = ops.where(is_self > 0.0, _NEVER, within)
            logits = ops.concatenate([similar, others], axis=-1)  # (B, 2 B)
            losses = losses + ops.logsumexp(logits, axis=-1) - own
        return losses


def _normalized(x: Any) -> Any:
    """Scales rows to length 1, and leaves those of zeros."""
    squares = ops.sum(x * x, axis=-1, keepdims=True)
    return x / ops.sqrt(ops.maximum(squares, 1e-12))
