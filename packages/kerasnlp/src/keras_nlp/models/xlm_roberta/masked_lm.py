"""Masked language modelling with XLM-RoBERTa."""

from __future__ import annotations

from keras_nlp.models.masked_lm import MaskedLM
from keras_nlp.models.xlm_roberta.backbone import XLMRobertaBackbone
from keras_nlp.models.xlm_roberta.preprocessors import XLMRobertaMaskedLMPreprocessor


class XLMRobertaMaskedLM(MaskedLM):
    """Predicts masked tokens with XLM-RoBERTa; see `MaskedLM`."""

    backbone_cls = XLMRobertaBackbone
    preprocessor_cls = XLMRobertaMaskedLMPreprocessor
