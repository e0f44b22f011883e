"""Vectors of texts with DistilBERT."""

from __future__ import annotations

from keras_nlp.models.distil_bert.backbone import DistilBertBackbone
from keras_nlp.models.distil_bert.preprocessors import (
    DistilBertTextEmbedderPreprocessor,
)
from keras_nlp.models.text_embedder import TextEmbedder


class DistilBertTextEmbedder(TextEmbedder):
    """Turns each text into a vector with DistilBERT; see `TextEmbedder`."""

    backbone_cls = DistilBertBackbone
    preprocessor_cls = DistilBertTextEmbedderPreprocessor
