"""MobileNetV3 as `keras.applications`, KerasHub and KerasCV have it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from domain_core import WeightMap
from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.keras.converter import (
    DTYPE,
    KerasClass,
    KerasConverter,
    KerasTask,
)
from domain_core.weights.weight_map import Target, Transform
from keras_cv.models import keras_classes
from keras_cv.models.image_classifier import ImageClassifier
from keras_cv.models.keras_applications import KerasApplications, Layers, activation_of
from keras_cv.models.keras_classes import pair_weights, pointwise_weights
from keras_cv.models.mobilenet_v3.backbone import MobileNetV3Backbone, block_sizes

# The axis "width", of output channels, is what a model-parallel mesh splits.
SHARDING = {
    r"(stem|top|blocks\.\d+)\.((expand|project)_)?conv\.kernel": (
        *(None, None, None),
        "width",
    ),
    r"blocks\.\d+\.depthwise_conv\.kernel": (None, None, "width", None),
}

_STACKS = ("expansion", "filters", "kernel_size", "stride", "se_ratio", "activation")

# `keras.applications`.


def _read_layers(layers: Layers) -> Config:
    following = dict(itertools.pairwise(layers))
    blocks: list[tuple[Any, ...]] = []
    given = layers["conv"].filters
    while (prefix := _prefix(len(blocks))) + "project" in layers:
        expand = layers.get(f"{prefix}expand")
        expanded = given if expand is None else expand.filters
        within = layers[f"{prefix}depthwise"]
        squeeze = layers.get(f"{prefix}squeeze_excite_conv")
        filters = layers[f"{prefix}project"].filters
        blocks.append(
            (
                expanded / given,
                filters,
                within.kernel_size[0],
                within.strides[0],
                None if squeeze is None else squeeze.filters / expanded,
                activation_of(layers[following[f"{prefix}depthwise_bn"]]),
            )
        )
        given = filters
    norm = layers["conv_bn"]
    columns = zip(*blocks, strict=True)
    return {
        **{f"stackwise_{key}": list(next(columns)) for key in _STACKS},
        "stem_filters": layers["conv"].filters,
        "top_filters": layers["conv_1"].filters,
        "activation": activation_of(layers[following["conv_bn"]]),
        "batch_norm_epsilon": norm.epsilon,
        "batch_norm_momentum": norm.momentum,
    }


def _prefix(block: int) -> str:
    return f"expanded_conv_{block}_" if block else "expanded_conv_"


def _applications_weights(config: Config) -> dict[str, Target]:
    table = pair_weights("conv", "conv_bn", "stem.")
    table |= pair_weights("conv_1", "conv_1_bn", "top.")
    for block in range(len(config["stackwise_filters"])):
        theirs, ours = _prefix(block), f"blocks.{block}."
        for part in ("expand", "depthwise", "project"):
            conv = theirs + part
            table |= pair_weights(conv, f"{conv}_bn", f"{ours}{part}_")
        theirs, ours = f"{theirs}squeeze_excite_conv", f"{ours}squeeze_excite."
        table |= pointwise_weights(theirs, f"{ours}squeeze")
        table |= pointwise_weights(f"{theirs}_1", f"{ours}excite")
    return table


def _head_config(layers: Layers) -> Config:
    following = dict(itertools.pairwise(layers))
    return {
        "num_classes": layers["logits"].filters,
        "hidden_units": layers["conv_2"].filters,
        "hidden_activation": activation_of(layers[following["conv_2"]]),
    }


FROM_APPLICATIONS = KerasApplications(
    model_type="MobileNetV3",
    config=_read_layers,
    weights=_applications_weights,
    head_config=_head_config,
    head={
        **pointwise_weights("conv_2", "hidden"),
        **pointwise_weights("logits", "predictions"),
    },
)

# KerasCV.


def _keras_cv_weights(config: Mapping[str, Any]) -> WeightMap:
    convs, norms, depthwise, squeezes = (
        map(f"layers/{name}_{{}}".format, itertools.count())
        for name in (
            *("conv2d", "batch_normalization", "depthwise_conv2d"),
            "squeeze_and_excite2d",
        )
    )
    table = pair_weights(next(convs), next(norms), "stem.")
    for block, (given, expanded, squeezed, _) in enumerate(block_sizes(config)[0]):
        ours = f"blocks.{block}."
        if expanded != given:
            table |= pair_weights(next(convs), next(norms), f"{ours}expand_")
        table |= pair_weights(next(depthwise), next(norms), f"{ours}depthwise_")
        if squeezed:
            theirs, path = next(squeezes), f"{ours}squeeze_excite."
            for part in ("squeeze", "excite"):
                table |= pointwise_weights(f"{theirs}/{part}_conv", path + part)
        table |= pair_weights(next(convs), next(norms), f"{ours}project_")
    return WeightMap(table | pair_weights(next(convs), next(norms), "top."))


# KerasHub.

_GROUPED = Transform(
    "grouped convolution",
    lambda array: array.swapaxes(2, 3),
    lambda array: array.swapaxes(2, 3),
)
# Lists per stage there, with all blocks but the first.
_HUB_STACKS = {
    theirs: Argument(ours, lambda stages: sum(stages, []), lambda blocks: [blocks])
    for theirs, ours in {
        "stackwise_expansion": "stackwise_expansion",
        "stackwise_num_filters": "stackwise_filters",
        "stackwise_kernel_size": "stackwise_kernel_size",
        "stackwise_num_strides": "stackwise_stride",
        "stackwise_se_ratio": "stackwise_se_ratio",
        "stackwise_activation": "stackwise_activation",
        "stackwise_padding": "paddings",
    }.items()
}
_HUB_FIRST = {
    "depthwise_filters": "first_filters",
    "depthwise_stride": "first_stride",
    "squeeze_and_excite": "first_se_ratio",
    "depthwise_residual": "first_shortcut",
}


def _hub_weights(config: Mapping[str, Any]) -> WeightMap:
    table = pair_weights("layers/conv2d_0", "layers/batch_normalization_0", "stem.")
    last = "layers/conv_bn_act_block_0/"
    table |= pair_weights(f"{last}conv", f"{last}batch_normalization", "top.")
    for block in range(len(config["stackwise_filters"])):
        theirs = f"layers/inverted_residual_block_{block - 1}/"
        squeeze, parts = "squeeze_excite", ["expand", "depthwise", "project"]
        if block == 0:
            theirs = "layers/depthwise_conv_block_0/"
            squeeze, parts = "se_layer", parts[1:]
        ours = f"blocks.{block}."
        for number, part in enumerate(parts, 1):
            table |= pair_weights(
                f"{theirs}conv{number}",
                f"{theirs}batch_normalization{number}",
                f"{ours}{part}_",
                *([_GROUPED] if part == "depthwise" else []),
            )
        for name, part in (("reduce", "squeeze"), ("expand", "excite")):
            path = f"{ours}squeeze_excite.{part}"
            table |= pointwise_weights(f"{theirs}{squeeze}/conv_{name}", path)
    return WeightMap(table)


def _from_hub(config: Config) -> Config:
    filters, stride, se_ratio, shortcut = map(config.pop, _HUB_FIRST.values())
    del config["unused"], config["stages"]
    given = [filters, *config["stackwise_filters"]]
    keeps = stride == 1 and filters == config["stem_filters"]
    halves = [size // 2 for size in config["stackwise_kernel_size"]]
    for key, value, expected in (
        ("stackwise_padding", config.pop("paddings"), halves),
        ("depthwise_residual", shortcut, keeps),
        ("output_activation", config.pop("last_activation"), config["activation"]),
    ):
        if value != expected:
            raise ValueError(
                f"KerasHub's {key!r} can't be expressed here but as {expected!r:.80}, "
                f"received {value!r:.80}."
            )
    config["stackwise_expansion"] = [
        expanded / before
        for expanded, before in zip(config["stackwise_expansion"], given, strict=False)
    ]
    for key, first in zip(
        _STACKS, (1, filters, 3, stride, se_ratio, "relu"), strict=True
    ):
        config[f"stackwise_{key}"] = [first, *config[f"stackwise_{key}"]]
    return config


def _to_hub(config: Config) -> Config:
    sizes, config["top_filters"] = block_sizes(config)
    given, expanded, _, filters = map(list, zip(*sizes, strict=True))
    config |= {"stackwise_expansion": expanded, "stackwise_filters": filters}
    first = {}
    for key in _STACKS:
        first[key], *config[f"stackwise_{key}"] = config[f"stackwise_{key}"]
    expands = [before != within for before, within, *_ in sizes]
    kind = (first["kernel_size"], first["activation"], *expands)
    if kind != (3, "relu", False, *[True] * len(sizes[1:])):
        raise ValueError(
            "KerasHub's MobileNetBackbone can't express the blocks: its first has 3 "
            "pixels, 'relu' and no expansion, and all others have one."
        )
    del config["alpha"]
    return {
        **config,
        "paddings": [size // 2 for size in config["stackwise_kernel_size"]],
        "stages": [len(sizes) - 1],
        "first_filters": filters[0],
        "first_stride": first["stride"],
        "first_se_ratio": first["se_ratio"],
        "first_shortcut": first["stride"] == 1 and filters[0] == given[0],
        "last_activation": config["activation"],
        "unused": 1024,
    }


_HUB_CONFIG = ConfigMap(
    "trainable",
    renamed={
        **_HUB_STACKS,
        **_HUB_FIRST,
        "stackwise_num_blocks": "stages",
        "input_num_filters": "stem_filters",
        "last_layer_filter": "top_filters",
        "output_num_filters": "unused",
        "input_activation": "activation",
        "output_activation": "last_activation",
        "image_shape": Argument("input_shape", tuple, list),
        "dtype": DTYPE,
    },
    ours={
        "include_rescaling": False,
        "padding": "symmetric",
        "batch_norm_epsilon": 1e-5,
        "batch_norm_momentum": 0.9,
    },
    after_reading=_from_hub,
    before_writing=_to_hub,
)
_HUB_CLASSIFIER = KerasTask(
    ImageClassifier,
    ("MobileNetImageClassifier",),
    ConfigMap(
        "num_classes",
        renamed={"num_features": Argument("hidden_units", int, int)},
        ignored=("trainable", "dtype"),
        only={"head_dtype": None},
        ours={
            "pooling": "avg",
            "activation": None,
            "class_names": None,
            "hidden_activation": "hard_silu",
        },
    ),
    weights=WeightMap(
        {
            **pointwise_weights("layers/conv2d_0", "hidden"),
            "layers/dense_0/vars/0": "predictions.kernel",
            "layers/dense_0/vars/1": "predictions.bias",
        }
    ),
)
FROM_KERAS = (
    KerasConverter(
        package="keras_hub",
        backbone=KerasClass(MobileNetV3Backbone, ("MobileNetBackbone",), _HUB_CONFIG),
        weights=_hub_weights,
        **{
            **keras_classes.image_classification("MobileNet"),
            "tasks": (_HUB_CLASSIFIER,),
        },
    ),
    keras_classes.from_keras_cv(
        MobileNetV3Backbone,
        _keras_cv_weights,
        *(f"stackwise_{key}" for key in _STACKS),
        "alpha",
    ),
)
