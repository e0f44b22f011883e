"""What turns raw text into BERT's inputs, for each task."""

from __future__ import annotations

from keras_nlp.models.bert.backbone import BertBackbone
from keras_nlp.models.bert.tokenizer import BertTokenizer
from keras_nlp.models.masked_lm_preprocessor import MaskedLMPreprocessor
from keras_nlp.models.question_answerer_preprocessor import QuestionAnswererPreprocessor
from keras_nlp.models.text_classifier_preprocessor import TextClassifierPreprocessor
from keras_nlp.models.text_embedder_preprocessor import TextEmbedderPreprocessor


class BertClassifierPreprocessor(TextClassifierPreprocessor):
    """Texts, or pairs of texts, to BERT's inputs; see `TextClassifierPreprocessor`."""

    backbone_cls = BertBackbone
    tokenizer_cls = BertTokenizer


class BertMaskedLMPreprocessor(MaskedLMPreprocessor):
    """Texts to BERT's inputs with masked tokens; see `MaskedLMPreprocessor`."""

    backbone_cls = BertBackbone
    tokenizer_cls = BertTokenizer


class BertQuestionAnswererPreprocessor(QuestionAnswererPreprocessor):
    """Questions and passages to inputs; see `QuestionAnswererPreprocessor`."""

    backbone_cls = BertBackbone
    tokenizer_cls = BertTokenizer


class BertTextEmbedderPreprocessor(TextEmbedderPreprocessor):
    """Texts to BERT's inputs; see `TextEmbedderPreprocessor`."""

    backbone_cls = BertBackbone
    tokenizer_cls = BertTokenizer
