"""What RoBERTa and its relatives share in both foreign layouts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np

from domain_core import (
    Converter,
    Head,
    Transform,
    WeightMap,
    dense_weights,
    norm_weights,
)
from domain_core.presets.keras.converter import KerasClass, KerasConverter
from domain_core.presets.transformers.reader import (
    activation_name,
    classifier_arguments,
    classifier_config,
    foreign_activation,
)
from keras_nlp.models import encoder_keras_maps as maps

# Positions there are counted from the id of padding, 1: the first two rows are unused.
_UNUSED = 2


def _used(array: np.ndarray) -> np.ndarray:
    return array[_UNUSED:]


def _with_unused(array: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros_like(array[:_UNUSED]), array])


_POSITIONS = Transform("positions from the third row", _used, _with_unused)
_LAYER, _BLOCK = "encoder.layer.{i}", "blocks.{i}"
_BACKBONE = {
    "embeddings.word_embeddings.weight": "embeddings.token_embedding.embeddings",
    "embeddings.position_embeddings.weight": ("embeddings.positions", _POSITIONS),
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
}
# The pooler was never trained.
_UNREAD = r"(roberta\.)?(embeddings\.position_ids|pooler\..*)"
_HEADS = r"(lm_head|classifier|qa_outputs)\..*"
_BODY = r"roberta\..*"


def _backbone_config(
    config: Mapping[str, Any], names: Collection[str] | None
) -> dict[str, Any]:
    for key, expected in (
        ("position_embedding_type", "absolute"),
        ("pad_token_id", 1),
        ("is_decoder", False),
        ("add_cross_attention", False),
    ):
        if config.get(key, expected) != expected:
            raise ValueError(
                f"Expected {key!r} to be {expected!r}, received {config[key]!r}: this "
                "RoBERTa has no place here."
            )
    dropout = config.get("hidden_dropout_prob", 0.1)
    attention_dropout = config.get("attention_probs_dropout_prob", 0.1)
    return {
        "vocabulary_size": config["vocab_size"],
        "num_layers": config["num_hidden_layers"],
        "num_heads": config["num_attention_heads"],
        "hidden_dim": config["hidden_size"],
        "intermediate_dim": config["intermediate_size"],
        "dropout": dropout,
        "attention_dropout": (
            None if attention_dropout == dropout else attention_dropout
        ),
        "max_sequence_length": config.get("max_position_embeddings", 514) - _UNUSED,
        "activation": activation_name(config),
        "layer_norm_epsilon": config.get("layer_norm_eps", 1e-5),
        "num_segments": config.get("type_vocab_size", 1),
    }


def _to_config(architecture: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    def to_config(arguments: Mapping[str, Any]) -> dict[str, Any]:
        attention_dropout = arguments["attention_dropout"]
        if attention_dropout is None:
            attention_dropout = arguments["dropout"]
        return {
            "architectures": [architecture],
            "vocab_size": arguments["vocabulary_size"],
            "num_hidden_layers": arguments["num_layers"],
            "num_attention_heads": arguments["num_heads"],
            "hidden_size": arguments["hidden_dim"],
            "intermediate_size": arguments["intermediate_dim"],
            "hidden_dropout_prob": arguments["dropout"],
            "attention_probs_dropout_prob": attention_dropout,
            "max_position_embeddings": arguments["max_sequence_length"] + _UNUSED,
            "type_vocab_size": arguments["num_segments"],
            "hidden_act": foreign_activation(arguments["activation"]),
            "layer_norm_eps": arguments["layer_norm_epsilon"],
            "pad_token_id": 1,
            "bos_token_id": 0,
            "eos_token_id": 2,
        }

    return to_config


def transformers_converter(
    model_type: str, name: str, tokenizer_cls: type, **tokenizer: Any
) -> Converter:
    """Returns the converter of a family in Hugging Face's layout.

    Args:
        model_type: how their config names the family.
        name: what our classes and theirs begin with.
        tokenizer_cls: our tokenizer.
        **tokenizer: `tokenizer` and `write_tokenizer` of the converter.
    """
    return Converter(
        layout="transformers",
        model_type=model_type,
        config=_backbone_config,
        weights=WeightMap(
            _BACKBONE, ignored=(_UNREAD, _HEADS), optional_prefix="roberta."
        ),
        tokenizer_cls=tokenizer_cls,
        to_config=_to_config(f"{name}Model"),
        heads={
            f"{name}ForSequenceClassification": Head(
                f"{name}Classifier",
                lambda config: {
                    **classifier_arguments(config),
                    "hidden_dim": config["hidden_size"],
                },
                WeightMap(
                    {
                        **dense_weights("classifier.dense", "hidden"),
                        **dense_weights("classifier.out_proj", "logits"),
                    },
                    ignored=(_BODY,),
                ),
                classifier_config,
            ),
            f"{name}ForMaskedLM": Head(
                f"{name}MaskedLM",
                lambda config: {
                    "intermediate_activation": "gelu",
                    "layer_norm_epsilon": config.get("layer_norm_eps", 1e-5),
                },
                WeightMap(
                    {
                        **dense_weights("lm_head.dense", "mlm_head.transform"),
                        **norm_weights("lm_head.layer_norm", "mlm_head.norm"),
                        "lm_head.bias": "mlm_head.output_bias",
                    },
                    # The output projection is the token embedding; its bias is tied.
                    ignored=(_BODY, r"lm_head\.decoder\..*"),
                ),
                lambda arguments: {},
            ),
        },
        **tokenizer,
    )


def keras_converter(
    name: str, classes: Mapping[str, type], tokenizer: KerasClass
) -> KerasConverter:
    """Returns the converter of a family in the layout of KerasNLP and KerasHub.

    Args:
        name: what our classes and theirs begin with.
        classes: ours by what follows `name`.
        tokenizer: the tokenizer's classes.
    """
    return KerasConverter(
        package="keras_hub",
        backbone=maps.backbone_class(
            classes["Backbone"],
            f"{name}Backbone",
            ours={
                "activation": "gelu",
                "layer_norm_epsilon": 1e-5,
                "num_segments": 0,
            },
        ),
        weights=maps.encoder_weights,
        tokenizer=tokenizer,
        preprocessors=(
            maps.preprocessor_class(
                classes["ClassifierPreprocessor"],
                (f"{name}TextClassifierPreprocessor", f"{name}Preprocessor"),
            ),
            maps.masked_lm_preprocessor_class(
                classes["MaskedLMPreprocessor"], f"{name}MaskedLMPreprocessor"
            ),
            maps.preprocessor_class(
                classes["TextEmbedderPreprocessor"],
                (f"{name}TextEmbedderPreprocessor",),
            ),
        ),
        tasks=(
            maps.classifier_class(
                classes["Classifier"],
                (f"{name}TextClassifier", f"{name}Classifier"),
                "hidden_dim",
                weights=maps.hidden_head(),
            ),
            maps.masked_lm_class(classes["MaskedLM"], f"{name}MaskedLM"),
            maps.embedder_class(classes["TextEmbedder"], f"{name}TextEmbedder"),
        ),
    )
