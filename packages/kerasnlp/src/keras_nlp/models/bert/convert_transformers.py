"""BERT in Hugging Face's layout."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from domain_core import Converter, Head, WeightMap, dense_weights, norm_weights
from domain_core.presets.transformers.reader import (
    activation_name,
    classifier_arguments,
    classifier_config,
    foreign_activation,
    word_piece_arguments,
    write_word_piece,
)
from keras_nlp.models.bert.tokenizer import BertTokenizer

_LAYER, _BLOCK = "encoder.layer.{i}", "blocks.{i}"
_BACKBONE = {
    "embeddings.word_embeddings.weight": "embeddings.token_embedding.embeddings",
    "embeddings.position_embeddings.weight": "embeddings.positions",
    "embeddings.token_type_embeddings.weight": "embeddings.segments",
    **norm_weights("embeddings.LayerNorm", "embeddings.norm"),
    **dense_weights(f"{_LAYER}.attention.self.query", f"{_BLOCK}.attention.query"),
    **dense_weights(f"{_LAYER}.attention.self.key", f"{_BLOCK}.attention.key"),
    **dense_weights(f"{_LAYER}.attention.self.value", f"{_BLOCK}.attention.value"),
    **dense_weights(f"{_LAYER}.attention.output.dense", f"{_BLOCK}.attention.out"),
    **norm_weights(f"{_LAYER}.attention.output.LayerNorm", f"{_BLOCK}.attention_norm"),
    **dense_weights(f"{_LAYER}.intermediate.dense", f"{_BLOCK}.feedforward.up"),
    **dense_weights(f"{_LAYER}.output.dense", f"{_BLOCK}.feedforward.down"),
    **norm_weights(f"{_LAYER}.output.LayerNorm", f"{_BLOCK}.feedforward_norm"),
    **dense_weights("pooler.dense", "pooler.dense"),
}
_POSITION_IDS = r"(bert\.)?embeddings\.position_ids"
_HEADS = r"(cls|classifier|qa_outputs)\..*"
_BODY = r"bert\..*"


def _backbone_config(
    config: Mapping[str, Any], names: Collection[str] | None
) -> dict[str, Any]:
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise ValueError(
            "Expected 'position_embedding_type' to be 'absolute', received "
            f"{config['position_embedding_type']!r}: this BERT has no place here."
        )
    if config.get("is_decoder") or config.get("add_cross_attention"):
        raise ValueError(
            "Expected a BERT encoder, received 'is_decoder' or 'add_cross_attention'."
        )
    dropout = config.get("hidden_dropout_prob", 0.1)
    attention_dropout = config.get("attention_probs_dropout_prob", 0.1)
    if attention_dropout == dropout:
        attention_dropout = None
    return {
        "vocabulary_size": config["vocab_size"],
        "num_layers": config["num_hidden_layers"],
        "num_heads": config["num_attention_heads"],
        "hidden_dim": config["hidden_size"],
        "intermediate_dim": config["intermediate_size"],
        "dropout": dropout,
        "attention_dropout": attention_dropout,
        "max_sequence_length": config.get("max_position_embeddings", 512),
        "num_segments": config.get("type_vocab_size", 2),
        "activation": activation_name(config),
        "layer_norm_epsilon": config.get("layer_norm_eps", 1e-12),
        "include_pooler": names is None
        or any(name.endswith("pooler.dense.weight") for name in names),
    }


def _to_config(arguments: Mapping[str, Any]) -> dict[str, Any]:
    attention_dropout = arguments["attention_dropout"]
    if attention_dropout is None:
        attention_dropout = arguments["dropout"]
    return {
        "architectures": ["BertModel"],
        "vocab_size": arguments["vocabulary_size"],
        "num_hidden_layers": arguments["num_layers"],
        "num_attention_heads": arguments["num_heads"],
        "hidden_size": arguments["hidden_dim"],
        "intermediate_size": arguments["intermediate_dim"],
        "hidden_dropout_prob": arguments["dropout"],
        "attention_probs_dropout_prob": attention_dropout,
        "max_position_embeddings": arguments["max_sequence_length"],
        "type_vocab_size": arguments["num_segments"],
        "hidden_act": foreign_activation(arguments["activation"]),
        "layer_norm_eps": arguments["layer_norm_epsilon"],
        "position_embedding_type": "absolute",
    }


def _classifier_to_config(arguments: Mapping[str, Any]) -> dict[str, Any]:
    if not arguments["backbone"].include_pooler:
        raise ValueError(
            "Expected a classifier on a BertBackbone with include_pooler=True to "
            "export, received one without: Hugging Face's takes the pooled output."
        )
    return classifier_config(arguments)


FROM_TRANSFORMERS = Converter(
    layout="transformers",
    model_type="bert",
    config=_backbone_config,
    weights=WeightMap(
        _BACKBONE, ignored=(_POSITION_IDS, _HEADS), optional_prefix="bert."
    ),
    tokenizer_cls=BertTokenizer,
    tokenizer=word_piece_arguments,
    to_config=_to_config,
    write_tokenizer=write_word_piece,
    heads={
        "BertForSequenceClassification": Head(
            "BertClassifier",
            classifier_arguments,
            WeightMap(dense_weights("classifier", "logits"), ignored=(_BODY,)),
            _classifier_to_config,
        ),
        "BertForMaskedLM": Head(
            "BertMaskedLM",
            lambda config: {
                "intermediate_activation": activation_name(config),
                "layer_norm_epsilon": config.get("layer_norm_eps", 1e-12),
            },
            WeightMap(
                {
                    **dense_weights(
                        "cls.predictions.transform.dense", "mlm_head.transform"
                    ),
                    **norm_weights(
                        "cls.predictions.transform.LayerNorm", "mlm_head.norm"
                    ),
                    "cls.predictions.bias": "mlm_head.output_bias",
                },
                # The output projection is the token embedding; its bias is tied.
                ignored=(_BODY, r"cls\.predictions\.decoder\..*"),
            ),
            lambda arguments: {},
        ),
        "BertForQuestionAnswering": Head(
            "BertQuestionAnswerer",
            lambda config: {},
            WeightMap(dense_weights("qa_outputs", "span_logits"), ignored=(_BODY,)),
            lambda arguments: {},
        ),
    },
)
