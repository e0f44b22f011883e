"""BERT in the layout of KerasNLP and KerasHub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from domain_core.presets.config_map import Argument, ConfigMap
from domain_core.presets.keras_converter import (
    ACTIVATION,
    DTYPE,
    KerasClass,
    KerasConverter,
    KerasTask,
)
from domain_core.weight_map import Target, Transform, WeightMap
from keras_nlp.models.bert.backbone import BertBackbone
from keras_nlp.models.bert.classifier import BertClassifier
from keras_nlp.models.bert.masked_lm import BertMaskedLM
from keras_nlp.models.bert.preprocessors import (
    BertClassifierPreprocessor,
    BertMaskedLMPreprocessor,
)
from keras_nlp.models.bert.tokenizer import BertTokenizer

_LAYER, _BLOCK = "layers/transformer_encoder_{i}", "blocks.{i}"
_ATTENTION = f"{_LAYER}/_self_attention_layer"


def _weights(config: Mapping[str, Any]) -> WeightMap:
    heads = config["num_heads"]
    # Theirs have an axis of heads `H`, ours join it with that of their width `h`.
    kernel = _joined("(D, H, h) to (D, H * h)", 1, heads)
    bias = _joined("(H, h) to (H * h)", 0, heads)
    out = _joined("(H, h, D) to (H * h, D)", 0, heads)
    table: dict[str, Target] = {
        "layers/reversible_embedding_0/vars/0": "embeddings.token_embedding.embeddings",
        "layers/position_embedding_0/vars/0": "embeddings.positions",
        "layers/embedding_0/vars/0": "embeddings.segments",
        **_pair("layers/layer_normalization_0", "embeddings.norm.gamma", "beta"),
        **_pair(f"{_ATTENTION}_norm", f"{_BLOCK}.attention_norm.gamma", "beta"),
        **_pair(
            f"{_LAYER}/_feedforward_layer_norm",
            f"{_BLOCK}.feedforward_norm.gamma",
            "beta",
        ),
        **_dense(
            f"{_LAYER}/_feedforward_intermediate_dense", f"{_BLOCK}.feedforward.up"
        ),
        **_dense(f"{_LAYER}/_feedforward_output_dense", f"{_BLOCK}.feedforward.down"),
        **_dense("layers/dense_0", "pooler.dense"),
        f"{_ATTENTION}/output_dense/vars/0": (f"{_BLOCK}.attention.out.kernel", out),
        f"{_ATTENTION}/output_dense/vars/1": f"{_BLOCK}.attention.out.bias",
    }
    for part in ("query", "key", "value"):
        theirs, ours = f"{_ATTENTION}/{part}_dense/vars", f"{_BLOCK}.attention.{part}"
        table[f"{theirs}/0"] = (f"{ours}.kernel", kernel)
        table[f"{theirs}/1"] = (f"{ours}.bias", bias)
    return WeightMap(table)


def _pair(theirs: str, first: str, second: str) -> dict[str, Target]:
    """Returns the entries of a layer's two weights."""
    layer = first.rpartition(".")[0]
    return {f"{theirs}/vars/0": first, f"{theirs}/vars/1": f"{layer}.{second}"}


def _dense(theirs: str, ours: str) -> dict[str, Target]:
    return _pair(theirs, f"{ours}.kernel", "bias")


def _joined(name: str, axis: int, heads: int) -> Transform:
    """Returns the transform that joins the axis of heads with the next one."""

    def forward(array: np.ndarray) -> np.ndarray:
        if array.ndim < axis + 2 or array.shape[axis] != heads:
            return array  # to be reported with its shape
        size = array.shape[axis] * array.shape[axis + 1]
        return array.reshape(*array.shape[:axis], size, *array.shape[axis + 2 :])

    def backward(array: np.ndarray) -> np.ndarray:
        rest = array.shape[:axis], array.shape[axis + 1 :]
        size = array.shape[axis] // heads
        return array.reshape(*rest[0], heads, size, *rest[1])

    return Transform(name, forward, backward)


def _without_equal_dropout(config: dict[str, Any]) -> dict[str, Any]:
    if config["attention_dropout"] == config["dropout"]:
        config["attention_dropout"] = None
    return config


_SIZES = ("vocabulary_size", "num_layers", "num_heads", "hidden_dim")
_BACKBONE = KerasClass(
    BertBackbone,
    ("BertBackbone",),
    ConfigMap(
        *_SIZES,
        *("intermediate_dim", "dropout", "max_sequence_length", "num_segments"),
        "trainable",
        renamed={"dtype": DTYPE},
        ours={
            "activation": "gelu_approximate",
            "attention_dropout": None,
            "layer_norm_epsilon": 1e-12,
            "include_pooler": True,
        },
        before_writing=_without_equal_dropout,
    ),
)


def _as_bools(config: dict[str, Any]) -> dict[str, Any]:
    if config["strip_accents"] is None:
        config["strip_accents"] = config["lowercase"]
    policies = {"parse": True, "text": False}
    policy = config["special_tokens_in_strings"]
    config["special_tokens_in_strings"] = policies.get(policy, policy)
    return config


def _as_bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("it is no bool")
    return value


_TOKENIZER = KerasClass(
    BertTokenizer,
    ("BertTokenizer",),
    ConfigMap(
        *("sequence_length", "lowercase", "strip_accents", "split"),
        *("suffix_indicator", "oov_token", "special_tokens"),
        renamed={
            "dtype": DTYPE,
            "special_tokens_in_strings": Argument(
                "special_tokens_in_strings", _as_bool, _as_bool
            ),
        },
        ignored=("trainable",),
        theirs={"vocabulary": None},
        # Theirs forgets this one when it is saved.
        ours={
            "split_on_cjk": True,
            "strip_accents": False,
            "errors": "strict",
            "graph": False,
        },
        before_writing=_as_bools,
    ),
)
_IGNORED = ("trainable", "dtype")
_PREPROCESSORS = (
    KerasClass(
        BertClassifierPreprocessor,
        (
            *("BertTextClassifierPreprocessor", "BertPreprocessor"),
            "BertTextEmbedderPreprocessor",
        ),
        ConfigMap("sequence_length", "truncate", ignored=_IGNORED),
    ),
    KerasClass(
        BertMaskedLMPreprocessor,
        ("BertMaskedLMPreprocessor",),
        ConfigMap(
            *("sequence_length", "truncate", "mask_selection_rate"),
            *("mask_selection_length", "mask_token_rate", "random_token_rate"),
            ours={"seed": None},
            ignored=_IGNORED,
        ),
    ),
)
_TASKS = (
    KerasTask(
        BertClassifier,
        ("BertTextClassifier", "BertClassifier"),
        ConfigMap(
            *("num_classes", "dropout"),
            renamed={"activation": ACTIVATION},
            ours={"class_names": None},
            ignored=_IGNORED,
        ),
        weights=WeightMap(_dense("layers/dense_0", "logits")),
    ),
    KerasTask(
        BertMaskedLM,
        ("BertMaskedLM",),
        ConfigMap(
            ours={"intermediate_activation": "gelu", "layer_norm_epsilon": 1e-5},
            ignored=_IGNORED,
        ),
        weights=WeightMap(
            {
                **_dense(
                    "layers/masked_lm_head_0/_intermediate_dense", "mlm_head.transform"
                ),
                **_pair(
                    "layers/masked_lm_head_0/_intermediate_layer_norm",
                    "mlm_head.norm.gamma",
                    "beta",
                ),
                "layers/masked_lm_head_0/vars/0": "mlm_head.output_bias",
            }
        ),
    ),
)

FROM_KERAS = KerasConverter(
    package="keras_hub",
    backbone=_BACKBONE,
    weights=_weights,
    tokenizer=_TOKENIZER,
    preprocessors=_PREPROCESSORS,
    tasks=_TASKS,
    without_task=("BertTextEmbedder",),
)
