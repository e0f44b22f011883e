"""Perplexity."""

from __future__ import annotations

from typing import Any

from keras import ops

from domain_core.serialization import serializable
from keras_nlp.metrics.mergeable_metric import MergeableMetric


@serializable(package="kerasnlp")
class Perplexity(MergeableMetric):
    """The exponential of the mean cross-entropy of tokens.

    Every token counts the same, however they are spread over batches; KerasNLP
    averages over batches. Without any token it is 0. It works in compiled steps.

    Call arguments:
        y_true: token ids, int `(B, T)`.
        y_pred: probabilities or logits, `(B, T, vocabulary)`.
        sample_weight: `(B, T)`, `(B,)` or `(B, 1)`; a token of weight 2 counts as two.

    Args:
        from_logits: whether `y_pred` holds logits.
        mask_token_id: id in `y_true` that does not count, such as that of padding; it
            may lie outside of the vocabulary.
        dtype: float type of the result.
        name: name of the metric.
    """

    def __init__(
        self,
        from_logits: bool = False,
        mask_token_id: int | None = None,
        dtype: Any = "float32",
        name: str = "perplexity",
    ) -> None:
        super().__init__(dtype, name)
        self.from_logits = from_logits
        self.mask_token_id = mask_token_id
        self._entropy, self._weight = (
            self.add_variable((), initializer="zeros", dtype="float32", name=part)
            for part in ("cross_entropy", "weight")
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        labels = ops.cast(ops.convert_to_tensor(y_true), "int32")  # (B, T)
        y_pred = ops.cast(ops.convert_to_tensor(y_pred), "float32")  # (B, T, V)
        if len(labels.shape) != 2 or len(y_pred.shape) != 3:
            raise ValueError(
                "Expected `y_true` of shape (batch, tokens) and `y_pred` of shape "
                f"(batch, tokens, vocabulary), received {tuple(labels.shape)} and "
                f"{tuple(y_pred.shape)}."
            )
        weights = ops.ones_like(labels, dtype="float32")
        if sample_weight is not None:
            given = ops.cast(ops.convert_to_tensor(sample_weight), "float32")
            weights = weights * (given[:, None] if len(given.shape) == 1 else given)
        if self.mask_token_id is not None:
            counts = labels != self.mask_token_id
            weights = weights * ops.cast(counts, "float32")
            labels = ops.where(counts, labels, 0)
        entropy = ops.sparse_categorical_crossentropy(
            labels, y_pred, from_logits=self.from_logits
        )
        self._entropy.assign_add(ops.sum(entropy * weights))
        self._weight.assign_add(ops.sum(weights))

    def result(self) -> Any:
        entropy, weight = self._entropy.value, self._weight.value
        seen = weight > 0
        mean = entropy / ops.where(seen, weight, 1.0)
        return ops.cast(ops.where(seen, ops.exp(mean), 0.0), self.dtype)
