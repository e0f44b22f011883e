"""ResNet in the layouts of KerasHub and of KerasCV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from domain_core.images import ImageConverter
from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.keras.converter import (
    ACTIVATION,
    DTYPE,
    KerasClass,
    KerasConverter,
    KerasTask,
    image_converter_map,
)
from domain_core.weights.weight_map import Target, WeightMap
from keras_cv.models.image_classifier import ImageClassifier
from keras_cv.models.image_classifier_preprocessor import ImageClassifierPreprocessor
from keras_cv.models.resnet.backbone import ResNetBackbone, ResNetV2Backbone

_BLOCK_TYPES = {"bottleneck_block": "block", "basic_block": "basic_block"}
_NORM = ("gamma", "beta", "moving_mean", "moving_variance")
_STEM_FILTERS = 64  # of KerasHub's first convolution and first stage


def _v1_weights(config: Mapping[str, Any]) -> WeightMap:
    layers = [("stem.conv", "stem.norm")]
    for block, parts in _blocks(config):
        layers += [(f"{block}.{conv}", f"{block}.{norm}") for conv, norm in parts]
    return _numbered(config, [c for c, _ in layers], [n for _, n in layers])


def _v2_weights(config: Mapping[str, Any]) -> WeightMap:
    convs, norms = ["stem.conv"], []
    for block, parts in _blocks(config):
        convs += [f"{block}.{conv}" for conv, _ in parts]
        norms += [f"{block}.{norm}" for _, norm in parts if norm != "shortcut_norm"]
    return _numbered(config, convs, [*norms, "last.norm"])


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


def _numbered(
    config: Mapping[str, Any], convs: list[str], norms: list[str]
) -> WeightMap:
    table: dict[str, Target] = {}
    for number, path in enumerate(convs):
        table[f"layers/conv2d_{number}/vars/0"] = f"{path}.kernel"
        if config["use_bias"]:
            table[f"layers/conv2d_{number}/vars/1"] = f"{path}.bias"
    for number, path in enumerate(norms):
        for index, weight in enumerate(_NORM):
            name = f"layers/batch_normalization_{number}/vars/{index}"
            table[name] = f"{path}.{weight}"
    return WeightMap(table)


def _strided_conv(config: Config) -> int:
    return 2 if config["block_type"] == "block" else 1


def _with_strided_conv(config: Config) -> Config:
    return {**config, "strided_conv": _strided_conv(config)}


def _as_in_hub(config: Config) -> Config:
    if config["stackwise_filters"][0] != _STEM_FILTERS:
        raise ValueError(
            f"KerasHub's ResNetBackbone can't express 'stackwise_filters' that do not "
            f"begin with {_STEM_FILTERS}, received {config['stackwise_filters']}."
        )
    if config["block_type"] == "basic_block" and config["stackwise_strides"][0] != 1:
        raise ValueError(
            "KerasHub's ResNetBackbone can't express 'stackwise_strides' that do not "
            f"begin with 1, received {config['stackwise_strides']}."
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


def _hub_backbone(cls: type, pre_activation: bool, **ours: Any) -> KerasClass:
    stacks = ("filters", "blocks", "strides")
    return KerasClass(
        cls,
        ("ResNetBackbone",),
        ConfigMap(
            "trainable",
            renamed={
                **{
                    f"stackwise_num_{name}": Argument(f"stackwise_{name}")
                    for name in stacks
                },
                "input_conv_filters": Argument("stem_filters", _one, lambda n: [n]),
                "block_type": Argument(
                    "block_type",
                    _from_block_type,
                    lambda ours: {v: k for k, v in _BLOCK_TYPES.items()}[ours],
                ),
                "image_shape": Argument("input_shape", tuple, list),
                "dtype": DTYPE,
            },
            theirs={
                "input_conv_kernel_sizes": [7],
                "use_pre_activation": pre_activation,
            },
            ours={
                "include_rescaling": False,
                "padding": "symmetric",
                "use_bias": False,
                "activation": "relu",
                "batch_norm_epsilon": 1e-5,
                "batch_norm_momentum": 0.9,
                **ours,
            },
            after_reading=_with_strided_conv,
            before_writing=_as_in_hub,
        ),
    )


_IMAGE_CONVERTER = KerasClass(
    ImageConverter, ("ResNetImageConverter", "ImageConverter"), image_converter_map()
)
_IGNORED = ("trainable", "dtype")
_PREDICTIONS = WeightMap(
    {
        "layers/dense_0/vars/0": "predictions.kernel",
        "layers/dense_0/vars/1": "predictions.bias",
    }
)
_HUB: dict[str, Any] = {
    "package": "keras_hub",
    "image_converter": _IMAGE_CONVERTER,
    "preprocessors": (
        KerasClass(
            ImageClassifierPreprocessor,
            ("ResNetImageClassifierPreprocessor",),
            ConfigMap(ignored=_IGNORED),
        ),
    ),
    "tasks": (
        KerasTask(
            ImageClassifier,
            ("ResNetImageClassifier",),
            ConfigMap(
                *("num_classes", "pooling"),
                renamed={"activation": ACTIVATION},
                theirs={"dropout": 0.0, "head_dtype": None},
                ours={"activation": None, "class_names": None},
                ignored=_IGNORED,
            ),
            weights=_PREDICTIONS,
        ),
    ),
}


def _is_v2(config: Mapping[str, Any]) -> bool:
    return config.get("use_pre_activation") is True


V1_FROM_KERAS_HUB = KerasConverter(
    backbone=_hub_backbone(ResNetBackbone, False, project_equal_shapes=True),
    weights=_v1_weights,
    accepts=lambda config: not _is_v2(config),
    **_HUB,
)
V2_FROM_KERAS_HUB = KerasConverter(
    backbone=_hub_backbone(
        ResNetV2Backbone,
        True,
        strided_block="first",
        pool_counts_padding=False,
        stackwise_dilations=None,
    ),
    weights=_v2_weights,
    accepts=_is_v2,
    variant=" with use_pre_activation",
    **_HUB,
)


def _keras_cv(cls: type, weights: Any, *more: str) -> KerasConverter:
    return KerasConverter(
        package="keras_cv",
        backbone=KerasClass(
            cls,
            (cls.__name__,),
            # Our arguments are theirs; what only we have means theirs by default.
            ConfigMap(
                *("stackwise_filters", "stackwise_blocks", "stackwise_strides"),
                *("include_rescaling", "block_type", "trainable", *more),
                renamed={"input_shape": Argument("input_shape", tuple), "dtype": DTYPE},
                theirs={"input_tensor": None},
            ),
        ),
        weights=weights,
        tasks=(
            KerasTask(
                ImageClassifier,
                ("ImageClassifier",),
                ConfigMap(
                    *("num_classes", "pooling"),
                    renamed={"activation": ACTIVATION},
                    ignored=_IGNORED,
                ),
                weights=_PREDICTIONS,
            ),
        ),
    )


V1_FROM_KERAS_CV = _keras_cv(ResNetBackbone, _v1_weights)
V2_FROM_KERAS_CV = _keras_cv(ResNetV2Backbone, _v2_weights, "stackwise_dilations")
