"""Vectors of texts with BERT."""

from __future__ import annotations

from keras_nlp.models.bert.backbone import BertBackbone
from keras_nlp.models.bert.preprocessors import BertTextEmbedderPreprocessor
from keras_nlp.models.text_embedder import TextEmbedder


class BertTextEmbedder(TextEmbedder):
    """Turns each text into a vector with BERT; see `TextEmbedder`."""

    backbone_cls = BertBackbone
    preprocessor_cls = BertTextEmbedderPreprocessor
