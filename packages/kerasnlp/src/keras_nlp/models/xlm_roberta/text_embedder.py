"""Vectors of texts with XLM-RoBERTa."""

from __future__ import annotations

from keras_nlp.models.text_embedder import TextEmbedder
from keras_nlp.models.xlm_roberta.backbone import XLMRobertaBackbone
from keras_nlp.models.xlm_roberta.preprocessors import (
    XLMRobertaTextEmbedderPreprocessor,
)


class XLMRobertaTextEmbedder(TextEmbedder):
    """Turns each text into a vector with XLM-RoBERTa; see `TextEmbedder`."""

    backbone_cls = XLMRobertaBackbone
    preprocessor_cls = XLMRobertaTextEmbedderPreprocessor
