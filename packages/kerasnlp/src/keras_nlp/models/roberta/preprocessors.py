"""What turns raw text into RoBERTa's inputs, for each task."""

from __future__ import annotations

from keras_nlp.models.masked_lm_preprocessor import MaskedLMPreprocessor
from keras_nlp.models.roberta.backbone import RobertaBackbone
from keras_nlp.models.roberta.tokenizer import RobertaTokenizer
from keras_nlp.models.roberta_preprocessing import RobertaPacking
from keras_nlp.models.text_classifier_preprocessor import TextClassifierPreprocessor
from keras_nlp.models.text_embedder_preprocessor import TextEmbedderPreprocessor


class RobertaClassifierPreprocessor(RobertaPacking, TextClassifierPreprocessor):
    """Texts to RoBERTa's inputs; see `TextClassifierPreprocessor`."""

    backbone_cls = RobertaBackbone
    tokenizer_cls = RobertaTokenizer


class RobertaMaskedLMPreprocessor(RobertaPacking, MaskedLMPreprocessor):
    """Texts to inputs with masked tokens; see `MaskedLMPreprocessor`."""

    backbone_cls = RobertaBackbone
    tokenizer_cls = RobertaTokenizer


class RobertaTextEmbedderPreprocessor(RobertaPacking, TextEmbedderPreprocessor):
    """Texts to RoBERTa's inputs; see `TextEmbedderPreprocessor`."""

    backbone_cls = RobertaBackbone
    tokenizer_cls = RobertaTokenizer
