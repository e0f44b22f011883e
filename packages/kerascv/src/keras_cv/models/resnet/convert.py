"""ResNet as Hugging Face, KerasHub and KerasCV have it, and how it is sharded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from domain_core import Converter, Head, WeightMap, dense_weights
from domain_core.arguments import check_choices
from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.keras.converter import DTYPE, KerasClass, KerasConverter
from domain_core.presets.transformers.config_keys import HARMLESS, ONLY
from domain_core.presets.transformers.reader import label_arguments, label_config
from domain_core.weights.weight_map import (
    Target,
    batch_counters,
    batch_norm_weights,
    conv_weights,
)
from keras_cv.models import keras_classes
from keras_cv.models.resnet.backbone import ResNetBackbone, ResNetV2Backbone

# The axis "width", of output channels, is what a model-parallel mesh splits.
SHARDING = {r"(stem|stages\.\d+\.\d+)\..*conv.*\.kernel": (None, None, None, "width")}

# Hugging Face.

_LAYER_TYPES = {"bottleneck": "block", "basic": "basic_block"}


def _width(config: Config) -> int:
    """Returns the channels of a block's output for each of its filters."""
    return 4 if config["block_type"] == "block" else 1


def _block_type(layer_type: Any) -> str:
    check_choices(layer_type=(layer_type, tuple(_LAYER_TYPES)))
    return _LAYER_TYPES[layer_type]


def _from_widths(config: Config) -> Config:
    widths, factor = config["stackwise_filters"], _width(config)
    if any(width % factor for width in widths):
        raise ValueError(
            "Expected 'hidden_sizes' of bottlenecks to be multiples of 4, received "
            f"{widths}."
        )
    first = 2 if config["stackwise_strides"] else 1
    return {
        **config,
        "stackwise_filters": [width // factor for width in widths],
        "stackwise_strides": [first] + [2] * (len(widths) - 1),
        "strided_conv": 1 if factor == 1 else config["strided_conv"],
    }


def _to_widths(config: Config) -> Config:
    widths = [filters * _width(config) for filters in config["stackwise_filters"]]
    return {**config, "stackwise_filters": widths}


_CONFIG = ConfigMap(
    renamed={
        "num_channels": Argument(
            "input_shape",
            lambda channels: (None, None, channels),
            lambda shape: shape[-1],
            absent=3,
        ),
        "embedding_size": ("stem_filters", 64),
        "hidden_sizes": "stackwise_filters",
        "depths": Argument("stackwise_blocks", write=list),
        "layer_type": Argument(
            "block_type",
            _block_type,
            {ours: theirs for theirs, ours in _LAYER_TYPES.items()}.__getitem__,
            absent="bottleneck",
        ),
        "downsample_in_first_stage": Argument(
            "stackwise_strides", write=lambda strides: strides[0] == 2, absent=False
        ),
        "downsample_in_bottleneck": Argument(
            "strided_conv",
            lambda first: 1 if first else 2,
            lambda conv: conv == 1,
            absent=False,
        ),
    },
    # Only that after each sum: inside blocks it is always ReLU.
    theirs={"hidden_act": "relu"},
    # The last two say which features a backbone of theirs returns.
    ignored=(*HARMLESS, "stage_names", "out_features", "out_indices"),
    only=ONLY,
    ours={
        "include_rescaling": False,
        "padding": "symmetric",
        "project_equal_shapes": False,
        "batch_norm_epsilon": 1e-5,
        "batch_norm_momentum": 0.9,
    },
    among_others=True,
    after_reading=_from_widths,
    before_writing=_to_widths,
)


def _conv_norm(theirs: str, conv: str, norm: str) -> dict[str, Target]:
    return {
        **conv_weights(f"{theirs}.convolution", conv),
        **batch_norm_weights(f"{theirs}.normalization", norm),
    }


_THEIRS, _OURS = "encoder.stages.{s}.layers.{b}", "stages.{s}.{b}"
_WEIGHTS = {
    **_conv_norm("embedder.embedder", "stem.conv", "stem.norm"),
    **_conv_norm(f"{_THEIRS}.layer.0", f"{_OURS}.conv_1", f"{_OURS}.norm_1"),
    **_conv_norm(f"{_THEIRS}.layer.1", f"{_OURS}.conv_2", f"{_OURS}.norm_2"),
    **_conv_norm(f"{_THEIRS}.layer.2", f"{_OURS}.conv_3", f"{_OURS}.norm_3"),
    **_conv_norm(
        f"{_THEIRS}.shortcut", f"{_OURS}.shortcut_conv", f"{_OURS}.shortcut_norm"
    ),
}
FROM_TRANSFORMERS = Converter(
    layout="transformers",
    model_type="resnet",
    config=lambda theirs, names: _CONFIG.read(
        theirs, ResNetBackbone, "Hugging Face's config"
    ),
    to_config=lambda ours: {
        "architectures": ["ResNetModel"],
        **_CONFIG.write(dict(ours), "Hugging Face's config"),
    },
    weights=WeightMap(
        _WEIGHTS,
        ignored=(r"classifier\..*",),
        constants=batch_counters(_WEIGHTS),
        optional_prefix="resnet.",
    ),
    unknown=_CONFIG.unknown,
    heads={
        "ResNetForImageClassification": Head(
            "ImageClassifier",
            lambda config: {**label_arguments(config), "activation": None},
            WeightMap(
                dense_weights("classifier.1", "predictions"), ignored=(r"resnet\..*",)
            ),
            label_config,
        ),
    },
)

# KerasHub and KerasCV.

_BLOCK_TYPES = {"bottleneck_block": "block", "basic_block": "basic_block"}
_STEM_FILTERS = 64  # of KerasHub's first convolution and first stage


def _v1_weights(config: Mapping[str, Any]) -> WeightMap:
    layers = [("stem.conv", "stem.norm")]
    for block, parts in _blocks(config):
        layers += [(f"{block}.{conv}", f"{block}.{norm}") for conv, norm in parts]
    convs, norms = zip(*layers, strict=True)
    return keras_classes.numbered_weights(convs, norms, use_bias=config["use_bias"])


def _v2_weights(config: Mapping[str, Any]) -> WeightMap:
    convs, norms = ["stem.conv"], []
    for block, parts in _blocks(config):
        convs += [f"{block}.{conv}" for conv, _ in parts]
        norms += [f"{block}.{norm}" for _, norm in parts if norm != "shortcut_norm"]
    norms.append("last.norm")
    return keras_classes.numbered_weights(convs, norms, use_bias=config["use_bias"])


def _blocks(
    config: Mapping[str, Any],
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yields path, and names of convolutions and norms, of each block in their order.

    In theirs the shortcut stands before the last convolution of a block.
    """
    depth = 3 if config["block_type"] == "block" else 2
    for stage, count in enumerate(config["stackwise_blocks"]):
        for index in range(count):
            parts = [(f"conv_{n}", f"norm_{n}") for n in range(1, depth + 1)]
            if index == 0 and (stage > 0 or depth == 3):
                parts.insert(depth - 1, ("shortcut_conv", "shortcut_norm"))
            yield f"stages.{stage}.{index}", parts


def _strided_conv(config: Config) -> int:
    return 2 if config["block_type"] == "block" else 1


def _as_in_hub(config: Config) -> Config:
    filters, strides = config["stackwise_filters"], config["stackwise_strides"]
    if filters[0] != _STEM_FILTERS:
        raise ValueError(
            f"KerasHub's ResNetBackbone can't express 'stackwise_filters' that do not "
            f"begin with {_STEM_FILTERS}, received {filters}."
        )
    if config["block_type"] == "basic_block" and strides[0] != 1:
        raise ValueError(
            "KerasHub's ResNetBackbone can't express 'stackwise_strides' that do not "
            f"begin with 1, received {strides}."
        )
    if config["strided_conv"] == _strided_conv(config):
        del config["strided_conv"]
    return config


def _one(values: Any) -> int:
    (value,) = values
    return value


def _from_block_type(value: Any) -> str:
    if value not in _BLOCK_TYPES:
        raise ValueError(f"expected one of {sorted(_BLOCK_TYPES)}")
    return _BLOCK_TYPES[value]


def _is_v2(config: Mapping[str, Any]) -> bool:
    return config.get("use_pre_activation") is True


def _hub(cls: type, weights: Any, v2: bool, **ours: Any) -> KerasConverter:
    backbone = ConfigMap(
        "trainable",
        renamed={
            "stackwise_num_filters": "stackwise_filters",
            "stackwise_num_blocks": "stackwise_blocks",
            "stackwise_num_strides": "stackwise_strides",
            "input_conv_filters": Argument("stem_filters", _one, lambda n: [n]),
            "block_type": Argument(
                "block_type",
                _from_block_type,
                {ours: theirs for theirs, ours in _BLOCK_TYPES.items()}.__getitem__,
            ),
            "image_shape": Argument("input_shape", tuple, list),
            "dtype": DTYPE,
        },
        theirs={"input_conv_kernel_sizes": [7], "use_pre_activation": v2},
        ours={
            "include_rescaling": False,
            "padding": "symmetric",
            "use_bias": False,
            "activation": "relu",
            "batch_norm_epsilon": 1e-5,
            "batch_norm_momentum": 0.9,
            **ours,
        },
        after_reading=lambda ours: {**ours, "strided_conv": _strided_conv(ours)},
        before_writing=_as_in_hub,
    )
    return KerasConverter(
        package="keras_hub",
        backbone=KerasClass(cls, ("ResNetBackbone",), backbone),
        weights=weights,
        accepts=lambda config: _is_v2(config) is v2,
        variant=" with use_pre_activation" if v2 else "",
        **keras_classes.image_classification("ResNet"),
    )


_STACKS = ("stackwise_filters", "stackwise_blocks", "stackwise_strides", "block_type")
V1_FROM_KERAS = (
    _hub(ResNetBackbone, _v1_weights, False, project_equal_shapes=True),
    keras_classes.from_keras_cv(ResNetBackbone, _v1_weights, *_STACKS),
)
V2_FROM_KERAS = (
    _hub(
        ResNetV2Backbone,
        _v2_weights,
        True,
        strided_block="first",
        pool_counts_padding=False,
        stackwise_dilations=None,
    ),
    keras_classes.from_keras_cv(
        ResNetV2Backbone, _v2_weights, *_STACKS, "stackwise_dilations"
    ),
)
