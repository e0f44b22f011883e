"""ResNet in Hugging Face's layout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core import Converter, Head, WeightMap, dense_weights
from domain_core.arguments import check_choices
from domain_core.presets.transformers.reader import label_arguments, label_config
from domain_core.weights.weight_map import (
    Target,
    batch_counters,
    batch_norm_weights,
    conv_weights,
)

_BLOCK = "encoder.stages.{s}.layers.{b}"
_BLOCKS = {"bottleneck": ("block", 4), "basic": ("basic_block", 1)}


def _conv_norm(foreign: str, conv: str, norm: str) -> dict[str, Target]:
    return {
        **conv_weights(f"{foreign}.convolution", conv),
        **batch_norm_weights(f"{foreign}.normalization", norm),
    }


_OURS = "stages.{s}.{b}."
_BACKBONE = {
    **_conv_norm("embedder.embedder", "stem.conv", "stem.norm"),
    **_conv_norm(f"{_BLOCK}.layer.0", f"{_OURS}conv_1", f"{_OURS}norm_1"),
    **_conv_norm(f"{_BLOCK}.layer.1", f"{_OURS}conv_2", f"{_OURS}norm_2"),
    **_conv_norm(f"{_BLOCK}.layer.2", f"{_OURS}conv_3", f"{_OURS}norm_3"),
    **_conv_norm(
        f"{_BLOCK}.shortcut", f"{_OURS}shortcut_conv", f"{_OURS}shortcut_norm"
    ),
}


def _backbone_config(config: Mapping[str, Any], names: Any) -> dict[str, Any]:
    layer_type = config.get("layer_type", "bottleneck")
    # Their activation is only that after each sum: inside blocks it is always ReLU.
    activation = config.get("hidden_act", "relu")
    check_choices(
        layer_type=(layer_type, tuple(_BLOCKS)), hidden_act=(activation, ("relu",))
    )
    block_type, expansion = _BLOCKS[layer_type]
    widths = config["hidden_sizes"]
    if any(width % expansion for width in widths):
        raise ValueError(
            "Expected 'hidden_sizes' of bottlenecks to be multiples of 4, received "
            f"{widths}."
        )
    first = 2 if config.get("downsample_in_first_stage", False) else 1
    in_first_conv = config.get("downsample_in_bottleneck", False) or expansion == 1
    return {
        "stackwise_filters": [width // expansion for width in widths],
        "stackwise_blocks": config["depths"],
        "stackwise_strides": [first] + [2] * (len(widths) - 1),
        "include_rescaling": False,
        "input_shape": (None, None, config.get("num_channels", 3)),
        "block_type": block_type,
        "stem_filters": config.get("embedding_size", 64),
        "strided_conv": 1 if in_first_conv else 2,
        "padding": "symmetric",
        "project_equal_shapes": False,
        "batch_norm_epsilon": 1e-5,
        "batch_norm_momentum": 0.9,
    }


def _to_config(arguments: Mapping[str, Any]) -> dict[str, Any]:
    names = {block_type: name for name, (block_type, _) in _BLOCKS.items()}
    layer_type = names[arguments["block_type"]]
    expansion = _BLOCKS[layer_type][1]
    return {
        "architectures": ["ResNetModel"],
        "num_channels": arguments["input_shape"][-1],
        "embedding_size": arguments["stem_filters"],
        "hidden_sizes": [width * expansion for width in arguments["stackwise_filters"]],
        "depths": list(arguments["stackwise_blocks"]),
        "layer_type": layer_type,
        "hidden_act": "relu",
        "downsample_in_first_stage": arguments["stackwise_strides"][0] == 2,
        "downsample_in_bottleneck": arguments["strided_conv"] == 1,
    }


def _classifier_config(config: Mapping[str, Any]) -> dict[str, Any]:
    return {**label_arguments(config), "activation": None}


FROM_TRANSFORMERS = Converter(
    layout="transformers",
    model_type="resnet",
    config=_backbone_config,
    weights=WeightMap(
        _BACKBONE,
        ignored=(r"classifier\..*",),
        constants=batch_counters(_BACKBONE),
        optional_prefix="resnet.",
    ),
    to_config=_to_config,
    heads={
        "ResNetForImageClassification": Head(
            "ImageClassifier",
            _classifier_config,
            WeightMap(
                dense_weights("classifier.1", "predictions"), ignored=(r"resnet\..*",)
            ),
            label_config,
        ),
    },
)
