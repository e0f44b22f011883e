"""Vectors of texts with RoBERTa."""

from __future__ import annotations

from keras_nlp.models.roberta.backbone import RobertaBackbone
from keras_nlp.models.roberta.preprocessors import RobertaTextEmbedderPreprocessor
from keras_nlp.models.text_embedder import TextEmbedder


class RobertaTextEmbedder(TextEmbedder):
    """Turns each text into a vector with RoBERTa; see `TextEmbedder`."""

    backbone_cls = RobertaBackbone
    preprocessor_cls = RobertaTextEmbedderPreprocessor
