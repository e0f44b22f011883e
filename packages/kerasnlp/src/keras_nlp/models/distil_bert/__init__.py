"""DistilBERT: what it is made of and what it can load."""

from domain_core import register_backbone, register_task
from keras_nlp.models.distil_bert.backbone import (
    DistilBertBackbone as DistilBertBackbone,
)
from keras_nlp.models.distil_bert.classifier import (
    DistilBertClassifier as DistilBertClassifier,
)
from keras_nlp.models.distil_bert.convert_keras import FROM_KERAS
from keras_nlp.models.distil_bert.convert_transformers import FROM_TRANSFORMERS
from keras_nlp.models.distil_bert.masked_lm import (
    DistilBertMaskedLM as DistilBertMaskedLM,
)
from keras_nlp.models.distil_bert.presets import PRESETS
from keras_nlp.models.distil_bert.text_embedder import (
    DistilBertTextEmbedder as DistilBertTextEmbedder,
)
from keras_nlp.models.distil_bert.tokenizer import (
    DistilBertTokenizer as DistilBertTokenizer,
)
from keras_nlp.models.encoder_layout import LAYOUT

register_backbone(
    DistilBertBackbone,
    presets=PRESETS,
    converters=(FROM_TRANSFORMERS, FROM_KERAS),
    sharding=LAYOUT,
    package="kerasnlp",
)
for _task in (DistilBertClassifier, DistilBertMaskedLM, DistilBertTextEmbedder):
    register_task(_task, backbone=DistilBertBackbone, package="kerasnlp")
