"""Masked language modelling with DistilBERT."""

from __future__ import annotations

from keras_nlp.models.distil_bert.backbone import DistilBertBackbone
from keras_nlp.models.distil_bert.preprocessors import DistilBertMaskedLMPreprocessor
from keras_nlp.models.masked_lm import MaskedLM


class DistilBertMaskedLM(MaskedLM):
    """Predicts masked tokens with DistilBERT; see `MaskedLM`."""

    backbone_cls = DistilBertBackbone
    preprocessor_cls = DistilBertMaskedLMPreprocessor
