"""Cross-entropy that easy examples hardly count in."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from domain_core.arguments import as_fraction
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.losses.base import (
    as_number,
    as_pair,
    log_probabilities,
    power,
)


@serializable("kerascv")
class FocalLoss(RemembersArguments, keras.losses.Loss):
    """Sigmoid focal loss, summed over the classes.

    `-alpha_t * (1 - p_t) ** gamma * log(p_t)` for each class, where `p_t` is the
    probability of the truth and `alpha_t` is `alpha` for 1 and `1 - alpha` for 0;
    between them it is in between.

    Args:
        alpha: weight of positive labels, in [0, 1].
        gamma: how much less easy examples count, at least 0; 0 for cross-entropy.
        from_logits: whether `y_pred` holds logits, which is the more exact way; else
            probabilities, which are kept 1e-7 away from 0 and 1.
        label_smoothing: how far labels move towards 0.5, in [0, 1]. The weights
            `alpha` stay those of the labels as they are given.
        reduction: see `keras.losses.Loss`.
        name: of the loss.
        dtype: of the loss; it is computed in float32 at least.

    Call arguments:
        y_true: one-hot or multi-hot labels `(..., C)`.
        y_pred: `(..., C)`.

    Returns:
        Scalar, or `(...)` with `reduction=None`.

    Raises:
        ValueError: if an argument is out of range or shapes differ.

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection", 2017,
        https://arxiv.org/abs/1708.02002.

    Example:
        >>> loss = keras_cv.losses.FocalLoss(from_logits=True)
        >>> float(loss(np.array([[1.0, 0.0]]), np.array([[2.0, -2.0]])))
        0.0018
    """

    def __init__(
        self,
        alpha: float = 0.25,
        gamma: float = 2,
        from_logits: bool = False,
        label_smoothing: float = 0,
        *,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "focal_loss",
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.alpha = as_fraction("alpha", alpha)
        self.gamma = as_number("gamma", gamma)
        self.from_logits = bool(from_logits)
        self.label_smoothing = as_fraction("label_smoothing", label_smoothing)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = as_pair(y_true, y_pred)
        weight = y_true * self.alpha + (1.0 - y_true) * (1.0 - self.alpha)
        y_true = y_true * (1.0 - self.label_smoothing) + 0.5 * self.label_smoothing
        p, log_p, log_not_p = log_probabilities(y_pred, self.from_logits)
        # Not as 1 - p: that is 0 long before the logits end.
        not_p = ops.sigmoid(-y_pred) if self.from_logits else 1.0 - y_pred
        missed = y_true * not_p + (1.0 - y_true) * p
        cross_entropy = -(y_true * log_p + (1.0 - y_true) * log_not_p)
        return ops.sum(weight * power(missed, self.gamma) * cross_entropy, axis=-1)
