"""Text classification with XLM-RoBERTa."""

from __future__ import annotations

from keras_nlp.models.text_classifier import HiddenTextClassifier
from keras_nlp.models.xlm_roberta.backbone import XLMRobertaBackbone
from keras_nlp.models.xlm_roberta.preprocessors import XLMRobertaClassifierPreprocessor


class XLMRobertaClassifier(HiddenTextClassifier):
    """Gives each text one of `num_classes` labels; see `HiddenTextClassifier`."""

    backbone_cls = XLMRobertaBackbone
    preprocessor_cls = XLMRobertaClassifierPreprocessor
