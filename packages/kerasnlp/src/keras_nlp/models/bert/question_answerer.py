"""Extractive question answering with BERT."""

from __future__ import annotations

from keras_nlp.models.bert.backbone import BertBackbone
from keras_nlp.models.bert.preprocessors import BertQuestionAnswererPreprocessor
from keras_nlp.models.question_answerer import QuestionAnswerer


class BertQuestionAnswerer(QuestionAnswerer):
    """Finds answers in passages with BERT; see `QuestionAnswerer`."""

    backbone_cls = BertBackbone
    preprocessor_cls = BertQuestionAnswererPreprocessor
