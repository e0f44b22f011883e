"""Text classification with RoBERTa."""

from __future__ import annotations

from keras_nlp.models.roberta.backbone import RobertaBackbone
from keras_nlp.models.roberta.preprocessors import RobertaClassifierPreprocessor
from keras_nlp.models.text_classifier import HiddenTextClassifier


class RobertaClassifier(HiddenTextClassifier):
    """Gives each text one of `num_classes` labels; see `HiddenTextClassifier`."""

    backbone_cls = RobertaBackbone
    preprocessor_cls = RobertaClassifierPreprocessor
