"""ResNet in Hugging Face's layout."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from domain_core import Converter, Head, WeightMap, dense_weights
from domain_core.weight_map import Target, batch_norm_weights, conv_weights

_BLOCK = "encoder.stages.{s}.layers.{b}"
_BLOCK_TYPES = {"bottleneck": "block", "basic": "basic_block"}


def _conv_norm(foreign: str, conv: str, norm: str) -> dict[str, Target]:
    return {
        **conv_weights(f"{foreign}.convolution", conv),
        **batch_norm_weights(f"{foreign}.normalization", norm),
    }


_BACKBONE = _conv_norm("embedder.embedder", "stem.conv", "stem.norm")
for _theirs, _conv, _norm in (
    ("layer.0", "conv_1", "norm_1"),
    ("layer.1", "conv_2", "norm_2"),
    ("layer.2", "conv_3", "norm_3"),
    ("shortcut", "shortcut_conv", "shortcut_norm"),
):
    _ours = "stages.{s}.{b}."
    _BACKBONE |= _conv_norm(f"{_BLOCK}.{_theirs}", _ours + _conv, _ours + _norm)


def _backbone_config(
    config: Mapping[str, Any], names: Collection[str]
) -> dict[str, Any]:
    layer_type = config.get("layer_type", "bottleneck")
    if layer_type not in _BLOCK_TYPES:
        raise ValueError(
            f"Expected 'layer_type' to be one of {sorted(_BLOCK_TYPES)}, received "
            f"{layer_type!r}."
        )
    if config.get("hidden_act", "relu") != "relu":
        # Theirs is only the activation after each sum; inside blocks is always ReLU.
        raise ValueError(
            f"Expected 'hidden_act' to be 'relu', received {config['hidden_act']!r}."
        )
    widths = config["hidden_sizes"]
    if layer_type == "bottleneck" and any(width % 4 for width in widths):
        raise ValueError(
            "Expected 'hidden_sizes' of bottlenecks to be multiples of 4, received "
            f"{widths}."
        )
    first = 2 if config.get("downsample_in_first_stage", False) else 1
    in_bottleneck = config.get("downsample_in_bottleneck", False)
    return {
        "stackwise_filters": [
            width // 4 if layer_type == "bottleneck" else width for width in widths
        ],
        "stackwise_blocks": config["depths"],
        "stackwise_strides": [first] + [2] * (len(widths) - 1),
        "include_rescaling": False,
        "input_shape": (None, None, config.get("num_channels", 3)),
        "block_type": _BLOCK_TYPES[layer_type],
        "stem_filters": config.get("embedding_size", 64),
        "strided_conv": 1 if in_bottleneck or layer_type == "basic" else 2,
        "padding": "symmetric",
        "project_equal_shapes": False,
        "batch_norm_epsilon": 1e-5,
        "batch_norm_momentum": 0.9,
    }


def _classifier_config(config: Mapping[str, Any]) -> dict[str, Any]:
    if config.get("problem_type") not in (None, "single_label_classification"):
        raise ValueError(
            "Expected a single-label classifier, received 'problem_type' "
            f"{config['problem_type']!r}."
        )
    labels = config.get("id2label") or {}
    names = [labels[key] for key in sorted(labels, key=int)]
    return {
        "num_classes": len(names) or config.get("num_labels", 2),
        "class_names": names or None,
        "pooling": "avg",
        "activation": None,
    }


FROM_TRANSFORMERS = Converter(
    layout="transformers",
    model_type="resnet",
    config=_backbone_config,
    weights=WeightMap(
        _BACKBONE,
        ignored=(r".*\.num_batches_tracked", r"classifier\..*"),
        optional_prefix="resnet.",
    ),
    heads={
        "ResNetForImageClassification": Head(
            "ImageClassifier",
            _classifier_config,
            WeightMap(
                dense_weights("classifier.1", "predictions"), ignored=(r"resnet\..*",)
            ),
        ),
    },
)
