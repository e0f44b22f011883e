"""XLM-RoBERTa in the layout of KerasNLP and KerasHub."""

from __future__ import annotations

from keras_nlp.models import encoder_keras_maps as maps
from keras_nlp.models.roberta_converters import keras_converter
from keras_nlp.models.xlm_roberta.backbone import XLMRobertaBackbone
from keras_nlp.models.xlm_roberta.classifier import XLMRobertaClassifier
from keras_nlp.models.xlm_roberta.masked_lm import XLMRobertaMaskedLM
from keras_nlp.models.xlm_roberta.preprocessors import (
    XLMRobertaClassifierPreprocessor,
    XLMRobertaMaskedLMPreprocessor,
    XLMRobertaTextEmbedderPreprocessor,
)
from keras_nlp.models.xlm_roberta.text_embedder import XLMRobertaTextEmbedder
from keras_nlp.models.xlm_roberta.tokenizer import XLMRobertaTokenizer

FROM_KERAS = keras_converter(
    "XLMRoberta",
    {
        "Backbone": XLMRobertaBackbone,
        "Classifier": XLMRobertaClassifier,
        "ClassifierPreprocessor": XLMRobertaClassifierPreprocessor,
        "MaskedLM": XLMRobertaMaskedLM,
        "MaskedLMPreprocessor": XLMRobertaMaskedLMPreprocessor,
        "TextEmbedder": XLMRobertaTextEmbedder,
        "TextEmbedderPreprocessor": XLMRobertaTextEmbedderPreprocessor,
    },
    maps.sentence_piece_class(XLMRobertaTokenizer, "XLMRobertaTokenizer"),
)
