"""EfficientNetV2 as `keras.applications`, KerasHub and KerasCV have it."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from typing import Any

from domain_core import WeightMap
from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.keras.converter import (
    ACTIVATION,
    DTYPE,
    KerasClass,
    KerasConverter,
)
from domain_core.weights.weight_map import Target
from keras_cv.models import keras_classes
from keras_cv.models.efficientnet_v2.backbone import (
    EfficientNetV2Backbone,
    scaled_sizes,
)
from keras_cv.models.keras_applications import KerasApplications, Layers, activation_of
from keras_cv.models.keras_classes import pair_weights, pointwise_weights

# The axis "width", of output channels, is what a model-parallel mesh splits.
SHARDING = {
    r"(stem|top|stages\.\d+\.\d+)\.((expand|project)_)?conv\.kernel": (
        *(None, None, None),
        "width",
    ),
    r"stages\.\d+\.\d+\.depthwise_conv\.kernel": (None, None, "width", None),
}

# Sizes that are read off a model, or written, are those after all factors.
_UNSCALED = {
    "width_coefficient": 1.0,
    "depth_coefficient": 1.0,
    "depth_divisor": 1,
    "min_depth": 1,
}
# Names of the parts of a block.
_APPLICATIONS = {
    **{"expand_conv": "expand_conv", "expand_norm": "expand_bn"},
    **{"depthwise_conv": "dwconv2", "depthwise_norm": "bn"},
    **{"project_conv": "project_conv", "project_norm": "project_bn"},
    **{"squeeze": "se_reduce", "excite": "se_expand"},
}
_KERAS = {
    **{"expand_conv": "conv1", "expand_norm": "bn1"},
    **{"depthwise_conv": "depthwise", "depthwise_norm": "bn2"},
    **{"project_conv": "output_conv", "project_norm": "bn3"},
    **{"squeeze": "se_conv1", "excite": "se_conv2"},
}
# KerasHub numbers the norms of fused blocks, and has a kind of its own for those of one
# convolution. What stands later in a table replaces the entry of what a block lacks.
_HUB = {
    "unfused": ("mb_conv_block", _KERAS),
    "fused": ("fused_mb_conv_block", {**_KERAS, "project_norm": "bn2"}),
    "cba": ("cba_block", {**_KERAS, "project_conv": "conv1", "project_norm": "bn1"}),
}
_KERAS_CV = {
    "unfused": ("mb_conv_block", _KERAS),
    "fused": ("fused_mb_conv_block", _KERAS),
}


def _block_weights(
    parts: Mapping[str, str], prefix: str, ours: str
) -> dict[str, Target]:
    """Returns the entries of a block, whatever parts it has.

    Args:
        parts: our names of its parts to theirs.
        prefix: what their paths begin with.
        ours: our path of the block.
    """
    table: dict[str, Target] = {}
    for part in ("squeeze", "excite"):
        path = f"{ours}.squeeze_excite.{part}"
        table |= pointwise_weights(prefix + parts[part], path)
    for part in ("expand", "depthwise", "project"):
        conv, norm = (prefix + parts[f"{part}_{kind}"] for kind in ("conv", "norm"))
        table |= pair_weights(conv, norm, f"{ours}.{part}_")
    return table


# `keras.applications`.


def _read_layers(layers: Layers) -> Config:
    stages: list[Config] = []
    while f"block{len(stages) + 1}a_project_conv" in layers:
        stages.append(_read_stage(layers, f"block{len(stages) + 1}"))
    if not stages or "block1a_dwconv" in layers:
        raise KeyError("this is another family, or EfficientNet's first version")
    norm = layers["stem_bn"]
    return {
        **_UNSCALED,
        **{f"stackwise_{key}": [stage[key] for stage in stages] for key in stages[0]},
        "top_filters": layers["top_conv"].filters,
        "activation": activation_of(layers["stem_activation"]),
        "batch_norm_epsilon": norm.epsilon,
        "batch_norm_momentum": norm.momentum,
    }


def _read_stage(layers: Layers, prefix: str) -> Config:
    project = layers[f"{prefix}a_project_conv"]
    expand = layers.get(f"{prefix}a_expand_conv", project)
    within = layers.get(f"{prefix}a_dwconv2")
    squeeze = layers.get(f"{prefix}a_se_reduce")
    spatial = expand if within is None else within
    given = expand.kernel.shape[2]
    blocks = [n for n in layers if re.fullmatch(f"{prefix}[a-z]_project_conv", n)]
    return {
        "kernel_sizes": spatial.kernel_size[0],
        "num_repeats": len(blocks),
        "input_filters": given,
        "output_filters": project.filters,
        "expansion_ratios": 1 if expand is project else expand.filters / given,
        "squeeze_and_excite_ratios": 0 if squeeze is None else squeeze.filters / given,
        "strides": spatial.strides[0],
        "conv_types": "fused" if within is None else "unfused",
    }


def _applications_weights(config: Config) -> dict[str, Target]:
    table = pair_weights("stem_conv", "stem_bn", "stem.")
    table |= pair_weights("top_conv", "top_bn", "top.")
    for stage, blocks in enumerate(scaled_sizes(config)[0]):
        for index in range(len(blocks)):
            prefix = f"block{stage + 1}{chr(ord('a') + index)}_"
            table |= _block_weights(_APPLICATIONS, prefix, f"stages.{stage}.{index}")
    return table


FROM_APPLICATIONS = KerasApplications(
    model_type="EfficientNetV2",
    config=_read_layers,
    weights=_applications_weights,
    head_config=lambda layers: {"num_classes": layers["predictions"].units},
    head={
        "predictions/vars/0": "predictions.kernel",
        "predictions/vars/1": "predictions.bias",
    },
)

# KerasHub and KerasCV.


def _keras_weights(
    config: Mapping[str, Any],
    types: list[str],
    kinds: Mapping[str, tuple[str, Mapping[str, str]]],
) -> WeightMap:
    """Returns the map of weights.

    Args:
        config: our arguments.
        types: their kind of blocks per stage.
        kinds: what such a block is called, and its parts.
    """
    conv, norm = "layers/conv2d_{}", "layers/batch_normalization_{}"
    table = pair_weights(conv.format(0), norm.format(0), "stem.")
    table |= pair_weights(conv.format(1), norm.format(1), "top.")
    numbers = {kind: itertools.count() for kind in kinds}
    for stage, blocks in enumerate(scaled_sizes(config)[0]):
        name, parts = kinds[types[stage]]
        for index in range(len(blocks)):
            prefix = f"layers/{name}_{next(numbers[types[stage]])}/"
            table |= _block_weights(parts, prefix, f"stages.{stage}.{index}")
    return WeightMap(table)


def _hub_types(config: Mapping[str, Any]) -> list[str]:
    """Returns KerasHub's kind of blocks per stage."""
    pairs = zip(
        config["stackwise_conv_types"],
        config["stackwise_expansion_ratios"],
        strict=True,
    )
    alone = ("fused", 1) if not config["always_project"] else None
    return ["cba" if pair == alone else pair[0] for pair in pairs]


def _from_hub(config: Config) -> Config:
    widths, depths, forced, types = (
        config.pop(key) for key in ("widths", "depths", "forced", "types")
    )
    divisor, least = config["depth_divisor"], config["min_depth"]
    least = divisor if config.pop("divisor_is_least") else least
    capped = config.pop("capped")

    def scaled(filters: int, width: float) -> int:
        nearest = int(filters * width + divisor / 2) // divisor * divisor
        nearest = max(least, nearest)
        return nearest + divisor * (capped and nearest < 0.9 * filters * width)

    given, outputs, repeats, ratios = (
        config[f"stackwise_{key}"]
        for key in (
            "input_filters",
            "output_filters",
            "num_repeats",
            "expansion_ratios",
        )
    )
    forced = [*forced, *[0] * len(given)]
    config |= {
        **_UNSCALED,
        "stackwise_input_filters": [
            instead or scaled(*sizes)
            for instead, *sizes in zip(forced, given, widths, strict=False)
        ],
        "stackwise_output_filters": list(map(scaled, outputs, widths)),
        "stackwise_num_repeats": [
            math.ceil(count * depth)
            for count, depth in zip(repeats, depths, strict=True)
        ],
        "stackwise_conv_types": ["fused" if t == "cba" else t for t in types],
        "top_filters": scaled(config["top_filters"], widths[-1]),
        "always_project": ("fused", 1) in zip(types, ratios, strict=True),
    }
    if _hub_types(config) != types:
        raise ValueError(
            "KerasHub's 'stackwise_block_types' can't be expressed here if 'cba' has "
            "another expansion ratio than 1, or 'fused' has that one beside 'cba', "
            f"received {types} with the ratios {ratios}."
        )
    return config


def _to_hub(config: Config) -> Config:
    blocks, top_filters = scaled_sizes(config)
    types = _hub_types(config)
    theirs = ("width_coefficient", "depth_coefficient", "stackwise_conv_types")
    for name in (*theirs, "always_project"):
        del config[name]
    return {
        **config,
        **{"widths": [1.0] * len(blocks), "depths": [1.0] * len(blocks)},
        **{"depth_divisor": 1, "min_depth": 1},
        "types": types,
        "top_filters": top_filters,
        "forced": [0] * len(blocks),
        "stackwise_input_filters": [stage[0]["input_filters"] for stage in blocks],
        "stackwise_output_filters": [stage[0]["output_filters"] for stage in blocks],
        "stackwise_num_repeats": [len(stage) for stage in blocks],
    }


_SAME = (
    *("stackwise_kernel_sizes", "stackwise_num_repeats", "stackwise_input_filters"),
    *("stackwise_output_filters", "stackwise_expansion_ratios", "stackwise_strides"),
    *("stackwise_squeeze_and_excite_ratios", "depth_divisor", "min_depth", "trainable"),
)
_HUB_CONFIG = ConfigMap(
    *_SAME,
    *("batch_norm_epsilon", "batch_norm_momentum"),
    renamed={
        "stackwise_width_coefficients": "widths",
        "stackwise_depth_coefficients": "depths",
        "stackwise_block_types": "types",
        "stackwise_force_input_filters": ("forced", []),
        "use_depth_divisor_as_min_depth": ("divisor_is_least", False),
        "cap_round_filter_decrease": ("capped", False),
        "dropout": "skip_connection_dropout",
        # KerasHub leaves it out of what it writes, whatever it is.
        "num_features": ("top_filters", 1280),
        "activation": ACTIVATION,
        "input_shape": Argument("input_shape", tuple, list),
        "dtype": DTYPE,
    },
    theirs={
        "include_stem_padding": True,
        "stem_conv_padding": "valid",
        "projection_activation": None,
    },
    only={"stackwise_nores_option": [False] * 7},
    ours={
        "include_rescaling": False,
        "padding": "symmetric",
        "depthwise_padding": "same",
    },
    after_reading=_from_hub,
    before_writing=_to_hub,
)
FROM_KERAS = (
    KerasConverter(
        package="keras_hub",
        backbone=KerasClass(
            EfficientNetV2Backbone, ("EfficientNetBackbone",), _HUB_CONFIG
        ),
        weights=lambda config: _keras_weights(config, _hub_types(config), _HUB),
        accepts=lambda config: "v1" not in config.get("stackwise_block_types", ["v1"]),
        variant=" without v1 blocks",
        **keras_classes.image_classification("EfficientNet"),
    ),
    keras_classes.from_keras_cv(
        EfficientNetV2Backbone,
        lambda config: _keras_weights(
            config, config["stackwise_conv_types"], _KERAS_CV
        ),
        *_SAME,
        *("width_coefficient", "depth_coefficient", "stackwise_conv_types"),
        *("skip_connection_dropout", "activation"),
    ),
)
