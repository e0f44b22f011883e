"""Text classification with DistilBERT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_nlp.models.distil_bert.backbone import DistilBertBackbone
from keras_nlp.models.distil_bert.preprocessors import DistilBertClassifierPreprocessor
from keras_nlp.models.text_classifier import HiddenTextClassifier


class DistilBertClassifier(HiddenTextClassifier):
    """Gives each text one of `num_classes` labels; see `TextClassifier`.

    The first token's features go through a hidden layer with a ReLU.

    Args:
        backbone: a `DistilBertBackbone`.
        num_classes: number of labels.
        preprocessor: turns texts into the backbone's inputs; None if inputs come
            preprocessed.
        activation: activation of the output; None gives logits.
        hidden_dim: width of the hidden layer; None for the backbone's.
        dropout: share of the hidden layer's output to drop in training.
        class_names: one name per label, for `decode_predictions`.
        name: name of the model.
    """

    backbone_cls = DistilBertBackbone
    preprocessor_cls = DistilBertClassifierPreprocessor
    hidden_activation = "relu"
    drops_before_hidden = False

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int,
        preprocessor: Any = None,
        activation: Any = None,
        hidden_dim: int | None = None,
        dropout: float = 0.2,
        *,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(**self.arguments)
