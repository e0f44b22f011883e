"""Masked language modelling with RoBERTa."""

from __future__ import annotations

from keras_nlp.models.masked_lm import MaskedLM
from keras_nlp.models.roberta.backbone import RobertaBackbone
from keras_nlp.models.roberta.preprocessors import RobertaMaskedLMPreprocessor


class RobertaMaskedLM(MaskedLM):
    """Predicts masked tokens with RoBERTa; see `MaskedLM`."""

    backbone_cls = RobertaBackbone
    preprocessor_cls = RobertaMaskedLMPreprocessor
