"""DistilBERT in Hugging Face's layout."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from domain_core import Converter, Head, WeightMap, dense_weights, norm_weights
from domain_core.presets.transformers.reader import (
    activation_name,
    foreign_activation,
    label_arguments,
    label_config,
    word_piece_arguments,
    write_word_piece,
)
from keras_nlp.models.distil_bert.tokenizer import DistilBertTokenizer

_LAYER, _BLOCK = "transformer.layer.{i}", "blocks.{i}"
_BACKBONE = {
    "embeddings.word_embeddings.weight": "embeddings.token_embedding.embeddings",
    "embeddings.position_embeddings.weight": "embeddings.positions",
    **norm_weights("embeddings.LayerNorm", "embeddings.norm"),
    **dense_weights(f"{_LAYER}.attention.q_lin", f"{_BLOCK}.attention.query"),
    **dense_weights(f"{_LAYER}.attention.k_lin", f"{_BLOCK}.attention.key"),
    **dense_weights(f"{_LAYER}.attention.v_lin", f"{_BLOCK}.attention.value"),
    **dense_weights(f"{_LAYER}.attention.out_lin", f"{_BLOCK}.attention.out"),
    **norm_weights(f"{_LAYER}.sa_layer_norm", f"{_BLOCK}.attention_norm"),
    **dense_weights(f"{_LAYER}.ffn.lin1", f"{_BLOCK}.feedforward.up"),
    **dense_weights(f"{_LAYER}.ffn.lin2", f"{_BLOCK}.feedforward.down"),
    **norm_weights(f"{_LAYER}.output_layer_norm", f"{_BLOCK}.feedforward_norm"),
}
_HEADS = r"(pre_classifier|classifier|vocab_\w+|qa_outputs)\..*"
_BODY = r"distilbert\..*"


def _backbone_config(
    config: Mapping[str, Any], names: Collection[str] | None
) -> dict[str, Any]:
    dropout = config.get("dropout", 0.1)
    attention_dropout = config.get("attention_dropout", 0.1)
    return {
        "vocabulary_size": config["vocab_size"],
        "num_layers": config["n_layers"],
        "num_heads": config["n_heads"],
        "hidden_dim": config["dim"],
        "intermediate_dim": config["hidden_dim"],
        "dropout": dropout,
        "attention_dropout": (
            None if attention_dropout == dropout else attention_dropout
        ),
        "max_sequence_length": config.get("max_position_embeddings", 512),
        "activation": activation_name(config, "activation"),
    }


def _to_config(arguments: Mapping[str, Any]) -> dict[str, Any]:
    attention_dropout = arguments["attention_dropout"]
    if attention_dropout is None:
        attention_dropout = arguments["dropout"]
    return {
        "architectures": ["DistilBertModel"],
        "vocab_size": arguments["vocabulary_size"],
        "n_layers": arguments["num_layers"],
        "n_heads": arguments["num_heads"],
        "dim": arguments["hidden_dim"],
        "hidden_dim": arguments["intermediate_dim"],
        "dropout": arguments["dropout"],
        "attention_dropout": attention_dropout,
        "max_position_embeddings": arguments["max_sequence_length"],
        "activation": foreign_activation(arguments["activation"]),
        "sinusoidal_pos_embds": False,
    }


FROM_TRANSFORMERS = Converter(
    layout="transformers",
    model_type="distilbert",
    config=_backbone_config,
    weights=WeightMap(_BACKBONE, ignored=(_HEADS,), optional_prefix="distilbert."),
    tokenizer_cls=DistilBertTokenizer,
    tokenizer=word_piece_arguments,
    to_config=_to_config,
    write_tokenizer=write_word_piece,
    heads={
        "DistilBertForSequenceClassification": Head(
            "DistilBertClassifier",
            lambda config: {
                **label_arguments(config),
                "hidden_dim": config["dim"],
                "dropout": config.get("seq_classif_dropout", 0.2),
            },
            WeightMap(
                {
                    **dense_weights("pre_classifier", "hidden"),
                    **dense_weights("classifier", "logits"),
                },
                ignored=(_BODY,),
            ),
            lambda arguments: {
                **label_config(arguments),
                "seq_classif_dropout": arguments["dropout"],
            },
        ),
        "DistilBertForMaskedLM": Head(
            "DistilBertMaskedLM",
            lambda config: {
                "intermediate_activation": activation_name(config, "activation"),
                "layer_norm_epsilon": 1e-12,
            },
            WeightMap(
                {
                    **dense_weights("vocab_transform", "mlm_head.transform"),
                    **norm_weights("vocab_layer_norm", "mlm_head.norm"),
                    "vocab_projector.bias": "mlm_head.output_bias",
                },
                # The output projection is the token embedding.
                ignored=(_BODY, r"vocab_projector\.weight"),
            ),
            lambda arguments: {},
        ),
    },
)
