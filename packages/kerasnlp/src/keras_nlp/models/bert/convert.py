"""BERT as Hugging Face and KerasHub have it, and how it is sharded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core import WeightMap, dense_weights
from domain_core.presets.transformers.reader import (
    activation_name,
    classifier_arguments,
    classifier_config,
)
from keras_nlp.models import bert_like
from keras_nlp.models.bert import tasks
from keras_nlp.models.bert.backbone import BertBackbone
from keras_nlp.models.bert_like import TransformersHead
from keras_nlp.models.keras_hub_classes import dense

SHARDING = {
    **bert_like.SHARDING,
    r"embeddings\.segments": (None, "width"),
    r"pooler\.dense\.kernel": ("width", None),
}


def _classifier_config(arguments: Mapping[str, Any]) -> dict[str, Any]:
    if not arguments["backbone"].include_pooler:
        raise ValueError(
            "Expected a classifier on a BertBackbone with include_pooler=True to "
            "export, received one without: Hugging Face's takes the pooled output."
        )
    return classifier_config(arguments)


FROM_TRANSFORMERS = bert_like.transformers_converter(
    BertBackbone,
    "bert",
    "bert.",
    config=bert_like.CONFIG,
    fixed=bert_like.FIXED,
    # The "pooler_" keys come from Google's files and were never read.
    harmless=(
        *("directionality", "pooler_fc_size", "pooler_num_attention_heads"),
        *("pooler_num_fc_layers", "pooler_size_per_head", "pooler_type"),
    ),
    told_by_weights=lambda names: {
        "include_pooler": names is None
        or any(name.endswith("pooler.dense.weight") for name in names)
    },
    more=dense_weights("pooler.dense", "pooler.dense"),
    unread=r"(bert\.)?embeddings\.position_ids|(cls|classifier|qa_outputs)\..*",
    heads={
        "ForSequenceClassification": TransformersHead(
            tasks.BertClassifier,
            dense_weights("classifier", "logits"),
            classifier_arguments,
            _classifier_config,
            unread=r"(cls|qa_outputs)\..*",
            mistaken_for=("ForTokenClassification", "ForMultipleChoice"),
        ),
        "ForMaskedLM": bert_like.masked_lm_head(
            tasks.BertMaskedLM,
            "cls.predictions.transform.dense",
            "cls.predictions.transform.LayerNorm",
            "cls.predictions.bias",
            "cls.predictions.decoder",
            lambda config: {
                "intermediate_activation": activation_name(config),
                "layer_norm_epsilon": config.get("layer_norm_eps", 1e-12),
            },
            unread=r"(cls\.seq_relationship|classifier|qa_outputs)\..*",
        ),
        "ForQuestionAnswering": TransformersHead(
            tasks.BertQuestionAnswerer,
            dense_weights("qa_outputs", "span_logits"),
            unread=r"(cls|classifier)\..*",
        ),
    },
    tokenizer=tasks.BertTokenizer,
)


def _keras_weights(config: Mapping[str, Any]) -> WeightMap:
    table = "embeddings.token_embedding.embeddings"
    return WeightMap(
        {
            "layers/reversible_embedding_0/vars/0": table,
            "layers/position_embedding_0/vars/0": "embeddings.positions",
            "layers/embedding_0/vars/0": "embeddings.segments",
            **bert_like.keras_blocks(config["num_heads"]),
            **dense("layers/dense_0", "pooler.dense"),
        }
    )


FROM_KERAS = bert_like.keras_converter(
    BertBackbone,
    (tasks.BertClassifier, tasks.BertMaskedLM, tasks.BertTextEmbedder),
    _keras_weights,
    "num_segments",
    ours={
        "activation": "gelu_approximate",
        "layer_norm_epsilon": 1e-12,
        "include_pooler": True,
    },
)
