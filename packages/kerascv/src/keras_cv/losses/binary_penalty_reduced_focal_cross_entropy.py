"""Focal loss of heat maps."""

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
class BinaryPenaltyReducedFocalCrossEntropy(RemembersArguments, keras.losses.Loss):
    """Focal loss whose negatives count less the closer they are to a peak.

    For each number of a heat map `-(1 - p) ** alpha * log(p)` where the label is above
    the threshold, else `-(1 - y) ** beta * p ** alpha * log(1 - p)`.

    Args:
        alpha: how much less easy examples count, at least 0.
        beta: how much less negatives close to a peak count, at least 0.
        from_logits: whether `y_pred` holds logits, which is the more exact way; else
            probabilities, which are kept 1e-4 away from 0 and 1.
        positive_threshold: above it a label is a peak, in [0, 1].
        positive_weight: of the loss of peaks.
        negative_weight: of the loss elsewhere.
        reduction: see `keras.losses.Loss`.
        name: of the loss.
        dtype: of the loss; it is computed in float32 at least.

    Call arguments:
        y_true: heat maps `(...)`, 1 at the center of objects and lower around.
        y_pred: `(...)`.

    Returns:
        Scalar, or `(...)` with `reduction=None`.

    Raises:
        ValueError: if an argument is out of range or shapes differ.

    Reference:
        Law and Deng, "CornerNet", 2018, https://arxiv.org/abs/1808.01244.

    Example:
        >>> loss = keras_cv.losses.BinaryPenaltyReducedFocalCrossEntropy()
        >>> float(loss(np.array([1.0]), np.array([0.5])))
        0.173
    """

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 4.0,
        from_logits: bool = False,
        positive_threshold: float = 0.99,
        positive_weight: float = 1.0,
        negative_weight: float = 1.0,
        reduction: str | None = "sum_over_batch_size",
        name: str | None = "binary_penalty_reduced_focal_cross_entropy",
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.alpha = as_number("alpha", alpha)
        self.beta = as_number("beta", beta)
        self.from_logits = bool(from_logits)
        self.positive_threshold = as_fraction("positive_threshold", positive_threshold)
        self.positive_weight = as_number("positive_weight", positive_weight)
        self.negative_weight = as_number("negative_weight", negative_weight)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        y_true, y_pred = as_pair(y_true, y_pred)
        if not self.from_logits:
            y_pred = ops.clip(y_pred, 1e-4, 1.0 - 1e-4)
        p, log_p, log_not_p = log_probabilities(y_pred, self.from_logits)
        not_p = ops.sigmoid(-y_pred) if self.from_logits else 1.0 - y_pred
        positive = self.positive_weight * power(not_p, self.alpha) * log_p
        distance = power(1.0 - y_true, self.beta)
        negative = self.negative_weight * distance * power(p, self.alpha) * log_not_p
        return -ops.where(y_true > self.positive_threshold, positive, negative)
