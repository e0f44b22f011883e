"""RoBERTa in the layout of KerasNLP and KerasHub."""

from __future__ import annotations

from keras_nlp.models import encoder_keras_maps as maps
from keras_nlp.models.roberta.backbone import RobertaBackbone
from keras_nlp.models.roberta.classifier import RobertaClassifier
from keras_nlp.models.roberta.masked_lm import RobertaMaskedLM
from keras_nlp.models.roberta.preprocessors import (
    RobertaClassifierPreprocessor,
    RobertaMaskedLMPreprocessor,
    RobertaTextEmbedderPreprocessor,
)
from keras_nlp.models.roberta.text_embedder import RobertaTextEmbedder
from keras_nlp.models.roberta.tokenizer import RobertaTokenizer
from keras_nlp.models.roberta_converters import keras_converter

FROM_KERAS = keras_converter(
    "Roberta",
    {
        "Backbone": RobertaBackbone,
        "Classifier": RobertaClassifier,
        "ClassifierPreprocessor": RobertaClassifierPreprocessor,
        "MaskedLM": RobertaMaskedLM,
        "MaskedLMPreprocessor": RobertaMaskedLMPreprocessor,
        "TextEmbedder": RobertaTextEmbedder,
        "TextEmbedderPreprocessor": RobertaTextEmbedderPreprocessor,
    },
    maps.byte_pair_class(RobertaTokenizer, "RobertaTokenizer"),
)
