"""Masked language modelling with BERT."""

from __future__ import annotations

from keras_nlp.models.bert.backbone import BertBackbone
from keras_nlp.models.bert.preprocessors import BertMaskedLMPreprocessor
from keras_nlp.models.masked_lm import MaskedLM


class BertMaskedLM(MaskedLM):
    """Predicts masked tokens with BERT; see `MaskedLM`."""

    backbone_cls = BertBackbone
    preprocessor_cls = BertMaskedLMPreprocessor
