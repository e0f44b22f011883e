"""RoBERTa: what it is made of and what it can load."""

from domain_core import register_backbone, register_task
from keras_nlp.models.encoder_layout import LAYOUT
from keras_nlp.models.roberta.backbone import RobertaBackbone as RobertaBackbone
from keras_nlp.models.roberta.classifier import RobertaClassifier as RobertaClassifier
from keras_nlp.models.roberta.convert_keras import FROM_KERAS
from keras_nlp.models.roberta.convert_transformers import FROM_TRANSFORMERS
from keras_nlp.models.roberta.masked_lm import RobertaMaskedLM as RobertaMaskedLM
from keras_nlp.models.roberta.presets import PRESETS
from keras_nlp.models.roberta.text_embedder import (
    RobertaTextEmbedder as RobertaTextEmbedder,
)
from keras_nlp.models.roberta.tokenizer import RobertaTokenizer as RobertaTokenizer

register_backbone(
    RobertaBackbone,
    presets=PRESETS,
    converters=(FROM_TRANSFORMERS, FROM_KERAS),
    sharding=LAYOUT,
    package="kerasnlp",
)
for _task in (RobertaClassifier, RobertaMaskedLM, RobertaTextEmbedder):
    register_task(_task, backbone=RobertaBackbone, package="kerasnlp")
