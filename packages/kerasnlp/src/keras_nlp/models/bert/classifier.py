"""Text classification with BERT."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from keras_nlp.models.bert.backbone import BertBackbone
from keras_nlp.models.bert.preprocessors import BertClassifierPreprocessor
from keras_nlp.models.text_classifier import TextClassifier


class BertClassifier(TextClassifier):
    """Gives each text one of `num_classes` labels; see `TextClassifier`.

    Args:
        backbone: a `BertBackbone`.
        num_classes: number of labels.
        preprocessor: turns texts into the backbone's inputs; None if inputs come
            preprocessed.
        activation: activation of the output; None gives logits.
        dropout: share of the pooled features to drop in training.
        class_names: one name per label, for `decode_predictions`.
        name: name of the model.
    """

    backbone_cls = BertBackbone
    preprocessor_cls = BertClassifierPreprocessor

    def __init__(
        self,
        backbone: keras.Model,
        num_classes: int,
        preprocessor: Any = None,
        activation: Any = None,
        dropout: float = 0.1,
        *,
        class_names: Sequence[str] | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(**self.arguments)
