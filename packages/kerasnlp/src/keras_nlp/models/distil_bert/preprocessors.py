"""What turns raw text into DistilBERT's inputs, for each task."""

from __future__ import annotations

from keras_nlp.models.distil_bert.backbone import DistilBertBackbone
from keras_nlp.models.distil_bert.tokenizer import DistilBertTokenizer
from keras_nlp.models.masked_lm_preprocessor import MaskedLMPreprocessor
from keras_nlp.models.text_classifier_preprocessor import TextClassifierPreprocessor
from keras_nlp.models.text_embedder_preprocessor import TextEmbedderPreprocessor


class DistilBertClassifierPreprocessor(TextClassifierPreprocessor):
    """Texts to DistilBERT's inputs; see `TextClassifierPreprocessor`."""

    backbone_cls = DistilBertBackbone
    tokenizer_cls = DistilBertTokenizer
    with_segment_ids = False


class DistilBertMaskedLMPreprocessor(MaskedLMPreprocessor):
    """Texts to inputs with masked tokens; see `MaskedLMPreprocessor`."""

    backbone_cls = DistilBertBackbone
    tokenizer_cls = DistilBertTokenizer
    with_segment_ids = False


class DistilBertTextEmbedderPreprocessor(TextEmbedderPreprocessor):
    """Texts to DistilBERT's inputs; see `TextEmbedderPreprocessor`."""

    backbone_cls = DistilBertBackbone
    tokenizer_cls = DistilBertTokenizer
    with_segment_ids = False
