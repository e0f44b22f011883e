"""What turns raw text into XLM-RoBERTa's inputs, for each task."""

from __future__ import annotations

from keras_nlp.models.masked_lm_preprocessor import MaskedLMPreprocessor
from keras_nlp.models.roberta_preprocessing import RobertaPacking
from keras_nlp.models.text_classifier_preprocessor import TextClassifierPreprocessor
from keras_nlp.models.text_embedder_preprocessor import TextEmbedderPreprocessor
from keras_nlp.models.xlm_roberta.backbone import XLMRobertaBackbone
from keras_nlp.models.xlm_roberta.tokenizer import XLMRobertaTokenizer


class XLMRobertaClassifierPreprocessor(RobertaPacking, TextClassifierPreprocessor):
    """Texts to XLM-RoBERTa's inputs; see `TextClassifierPreprocessor`."""

    backbone_cls = XLMRobertaBackbone
    tokenizer_cls = XLMRobertaTokenizer


class XLMRobertaMaskedLMPreprocessor(RobertaPacking, MaskedLMPreprocessor):
    """Texts to inputs with masked tokens; see `MaskedLMPreprocessor`."""

    backbone_cls = XLMRobertaBackbone
    tokenizer_cls = XLMRobertaTokenizer


class XLMRobertaTextEmbedderPreprocessor(RobertaPacking, TextEmbedderPreprocessor):
    """Texts to XLM-RoBERTa's inputs; see `TextEmbedderPreprocessor`."""

    backbone_cls = XLMRobertaBackbone
    tokenizer_cls = XLMRobertaTokenizer
