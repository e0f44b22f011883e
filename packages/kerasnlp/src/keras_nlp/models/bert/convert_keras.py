"""BERT in the layout of KerasNLP and KerasHub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core.presets.keras.converter import KerasConverter
from domain_core.weights.weight_map import WeightMap
from keras_nlp.models import encoder_keras_maps as maps
from keras_nlp.models.bert.backbone import BertBackbone
from keras_nlp.models.bert.classifier import BertClassifier
from keras_nlp.models.bert.masked_lm import BertMaskedLM
from keras_nlp.models.bert.preprocessors import (
    BertClassifierPreprocessor,
    BertMaskedLMPreprocessor,
    BertTextEmbedderPreprocessor,
)
from keras_nlp.models.bert.text_embedder import BertTextEmbedder
from keras_nlp.models.bert.tokenizer import BertTokenizer


def _weights(config: Mapping[str, Any]) -> WeightMap:
    table = "embeddings.token_embedding.embeddings"
    return WeightMap(
        {
            "layers/reversible_embedding_0/vars/0": table,
            "layers/position_embedding_0/vars/0": "embeddings.positions",
            "layers/embedding_0/vars/0": "embeddings.segments",
            **maps.norm("layers/layer_normalization_0", "embeddings.norm"),
            **maps.blocks(config["num_heads"]),
            **maps.dense("layers/dense_0", "pooler.dense"),
        }
    )


FROM_KERAS = KerasConverter(
    package="keras_hub",
    backbone=maps.backbone_class(
        BertBackbone,
        "BertBackbone",
        "num_segments",
        ours={
            "activation": "gelu_approximate",
            "layer_norm_epsilon": 1e-12,
            "include_pooler": True,
        },
    ),
    weights=_weights,
    tokenizer=maps.word_piece_class(BertTokenizer, "BertTokenizer"),
    preprocessors=(
        maps.preprocessor_class(
            BertClassifierPreprocessor,
            ("BertTextClassifierPreprocessor", "BertPreprocessor"),
        ),
        maps.preprocessor_class(
            BertTextEmbedderPreprocessor, ("BertTextEmbedderPreprocessor",)
        ),
        maps.masked_lm_preprocessor_class(
            BertMaskedLMPreprocessor, "BertMaskedLMPreprocessor"
        ),
    ),
    tasks=(
        maps.classifier_class(
            BertClassifier,
            ("BertTextClassifier", "BertClassifier"),
            weights=maps.dense("layers/dense_0", "logits"),
        ),
        maps.masked_lm_class(BertMaskedLM, "BertMaskedLM"),
        maps.embedder_class(BertTextEmbedder, "BertTextEmbedder"),
    ),
)
