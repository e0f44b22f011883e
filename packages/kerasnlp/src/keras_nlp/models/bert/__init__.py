"""BERT: what it is made of and what it can load."""

from domain_core import register_backbone, register_task
from keras_nlp.models.bert.backbone import BertBackbone as BertBackbone
from keras_nlp.models.bert.classifier import BertClassifier as BertClassifier
from keras_nlp.models.bert.convert_keras import FROM_KERAS
from keras_nlp.models.bert.convert_transformers import FROM_TRANSFORMERS
from keras_nlp.models.bert.layout import LAYOUT
from keras_nlp.models.bert.masked_lm import BertMaskedLM as BertMaskedLM
from keras_nlp.models.bert.presets import PRESETS
from keras_nlp.models.bert.question_answerer import (
    BertQuestionAnswerer as BertQuestionAnswerer,
)
from keras_nlp.models.bert.text_embedder import (
    BertTextEmbedder as BertTextEmbedder,
)
from keras_nlp.models.bert.tokenizer import BertTokenizer as BertTokenizer

register_backbone(
    BertBackbone,
    presets=PRESETS,
    converters=(FROM_TRANSFORMERS, FROM_KERAS),
    sharding=LAYOUT,
    package="kerasnlp",
)
for _task in (
    BertClassifier,
    BertMaskedLM,
    BertQuestionAnswerer,
    BertTextEmbedder,
):
    register_task(_task, backbone=BertBackbone, package="kerasnlp")
