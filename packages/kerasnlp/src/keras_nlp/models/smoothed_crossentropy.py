"""Cross-entropy of ids with smoothed labels, which Keras has for one-hot labels."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import serializable
from domain_core.arguments import as_rate
from keras_nlp.models.token_crossentropy import TokenCrossentropy


@serializable(package="kerasnlp")
class SmoothedCrossentropy(TokenCrossentropy):
    """Cross-entropy beside labels of which a share is spread over all tokens.

    Args:
        label_smoothing: that share, in `[0, 1)`.
        reduction: as in `keras.losses.Loss`.
        name: name of the loss.
        dtype: of the result.

    Call arguments:
        y_true: ids `(B, T)`.
        y_pred: scores of tokens `(B, T, V)`.
    """

    def __init__(
        self,
        label_smoothing: float = 0.0,
        reduction: str = "sum_over_batch_size",
        name: str = "smoothed_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(True, reduction=reduction, name=name, dtype=dtype)
        self.label_smoothing = as_rate("label_smoothing", label_smoothing)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        of_label = super().call(y_true, y_pred)
        if not self.label_smoothing:
            return of_label
        total = keras.ops.logsumexp(y_pred, axis=-1)
        of_all = total - keras.ops.mean(y_pred, axis=-1)
        return of_label + self.label_smoothing * (of_all - of_label)

    def get_config(self) -> dict[str, Any]:
        return {
            "label_smoothing": self.label_smoothing,
            "reduction": self.reduction,
            "name": self.name,
            "dtype": self.dtype,
        }
