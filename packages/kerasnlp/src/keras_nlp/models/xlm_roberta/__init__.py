"""XLM-RoBERTa: what it is made of and what it can load."""

from domain_core import register_backbone, register_task
from keras_nlp.models.encoder_layout import LAYOUT
from keras_nlp.models.xlm_roberta.backbone import (
    XLMRobertaBackbone as XLMRobertaBackbone,
)
from keras_nlp.models.xlm_roberta.classifier import (
    XLMRobertaClassifier as XLMRobertaClassifier,
)
from keras_nlp.models.xlm_roberta.convert_keras import FROM_KERAS
from keras_nlp.models.xlm_roberta.convert_transformers import FROM_TRANSFORMERS
from keras_nlp.models.xlm_roberta.masked_lm import (
    XLMRobertaMaskedLM as XLMRobertaMaskedLM,
)
from keras_nlp.models.xlm_roberta.presets import PRESETS
from keras_nlp.models.xlm_roberta.text_embedder import (
    XLMRobertaTextEmbedder as XLMRobertaTextEmbedder,
)
from keras_nlp.models.xlm_roberta.tokenizer import (
    XLMRobertaTokenizer as XLMRobertaTokenizer,
)

register_backbone(
    XLMRobertaBackbone,
    presets=PRESETS,
    converters=(FROM_TRANSFORMERS, FROM_KERAS),
    sharding=LAYOUT,
    package="kerasnlp",
)
for _task in (XLMRobertaClassifier, XLMRobertaMaskedLM, XLMRobertaTextEmbedder):
    register_task(_task, backbone=XLMRobertaBackbone, package="kerasnlp")
