"""What tasks that predict tokens have in common: the loss, and what labels may be."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.classifier import check_labels
from domain_core.task import Task
from keras_nlp.models.token_crossentropy import TokenCrossentropy


class TokenPrediction(Task):
    """A task whose outputs are scores of tokens, `(B, T, vocabulary_size)`."""

    def compile(
        self,
        optimizer: Any = "auto",
        loss: Any = "auto",
        *,
        weighted_metrics: Any = "auto",
        **kwargs: Any,
    ) -> None:
        """Configures training; everything has a default.

        Args:
            optimizer: "auto" for Adam at 5e-5.
            loss: "auto" for sparse categorical cross-entropy on logits.
            weighted_metrics: "auto" for sparse categorical accuracy, where
                sample weights count.
            **kwargs: as in `keras.Model.compile`.
        """
        if isinstance(loss, str) and loss == "auto":
            loss = TokenCrossentropy(from_logits=True)
        if isinstance(weighted_metrics, str) and weighted_metrics == "auto":
            weighted_metrics = [keras.metrics.SparseCategoricalAccuracy()]
        super().compile(
            optimizer=optimizer,
            loss=loss,
            weighted_metrics=weighted_metrics,
            **kwargs,
        )

    def check_targets(self, y: Any) -> None:
        """Raises ValueError for labels that are no ids of the vocabulary."""
        check_labels(
            y,
            self.outputs[0].shape[-1],
            loss=self.loss,
            rank=2,
            advice="Pass ids of the vocabulary, and weights of 0 for padding.",
        )
