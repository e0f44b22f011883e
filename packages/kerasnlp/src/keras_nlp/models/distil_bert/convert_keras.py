"""DistilBERT in the layout of KerasNLP and KerasHub."""

from __future__ import annotations

from domain_core.presets.keras.converter import KerasConverter
from keras_nlp.models import encoder_keras_maps as maps
from keras_nlp.models.distil_bert.backbone import DistilBertBackbone
from keras_nlp.models.distil_bert.classifier import DistilBertClassifier
from keras_nlp.models.distil_bert.masked_lm import DistilBertMaskedLM
from keras_nlp.models.distil_bert.preprocessors import (
    DistilBertClassifierPreprocessor,
    DistilBertMaskedLMPreprocessor,
)
from keras_nlp.models.distil_bert.tokenizer import DistilBertTokenizer

FROM_KERAS = KerasConverter(
    package="keras_hub",
    backbone=maps.backbone_class(
        DistilBertBackbone, "DistilBertBackbone", ours={"activation": "gelu"}
    ),
    weights=maps.encoder_weights,
    tokenizer=maps.word_piece_class(DistilBertTokenizer, "DistilBertTokenizer"),
    preprocessors=(
        maps.preprocessor_class(
            DistilBertClassifierPreprocessor,
            ("DistilBertTextClassifierPreprocessor", "DistilBertPreprocessor"),
        ),
        maps.masked_lm_preprocessor_class(
            DistilBertMaskedLMPreprocessor, "DistilBertMaskedLMPreprocessor"
        ),
    ),
    tasks=(
        maps.classifier_class(
            DistilBertClassifier,
            ("DistilBertTextClassifier", "DistilBertClassifier"),
            "hidden_dim",
            weights=maps.hidden_head(),
        ),
        maps.masked_lm_class(DistilBertMaskedLM, "DistilBertMaskedLM"),
    ),
)
