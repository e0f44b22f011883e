"""ViTDet as Hugging Face, KerasHub and KerasCV have it, and how it is sharded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core import Converter, WeightMap
from domain_core.arguments import as_size
from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.keras.converter import DTYPE, KerasClass, KerasConverter
from domain_core.presets.transformers.config_keys import HARMLESS, ONLY
from domain_core.presets.transformers.reader import activation_name, foreign_activation
from domain_core.weights.weight_map import UNBATCHED, Fused
from keras_cv.models import keras_classes
from keras_cv.models.keras_classes import layer_weights
from keras_cv.models.vit_det.backbone import ViTDetBackbone
from keras_cv.models.vit_det_weights import encoder_weights

# The axis "width", of output channels and hidden units, is what a model-parallel mesh
# splits.
SHARDING = {
    r"blocks\.\d+\.attention\.(query|key|value)\.kernel": (None, "width"),
    r"blocks\.\d+\.attention\.out\.kernel": ("width", None),
    r"blocks\.\d+\.feedforward\.up\.kernel": (None, "width"),
    r"blocks\.\d+\.feedforward\.down\.kernel": ("width", None),
}

# Hugging Face.


def _square(size: Any) -> int:
    """Returns the one number of a square size."""
    height, width = [size, size] if isinstance(size, int) else size
    if height != width:
        raise ValueError("images are square there")
    return int(height)


def _from_sizes(config: Config) -> Config:
    size, channels = config["pretrain_image_size"], config.pop("channels")
    ratio = config.pop("mlp_ratio")
    return {
        **config,
        "input_shape": (size, size, channels),
        "mlp_dim": config["mlp_dim"] or int(config["embed_dim"] * ratio),
    }


def _to_sizes(config: Config) -> Config:
    shape = config.pop("input_shape")
    size = config["pretrain_image_size"]
    return {
        **config,
        "channels": shape[-1],
        "pretrain_image_size": shape[:2] if size is None else size,
        "mlp_ratio": config["mlp_dim"] / config["embed_dim"],
    }


_CONFIG = ConfigMap(
    *("patch_size", "use_abs_pos", "use_rel_pos", "window_size"),
    renamed={
        "num_channels": ("channels", 3),
        "image_size": Argument("pretrain_image_size", _square, _square),
        "hidden_size": "embed_dim",
        "output_channels": "out_chans",
        "num_hidden_layers": "depth",
        "num_attention_heads": "num_heads",
        "mlp_dim": ("mlp_dim", None),
        "mlp_ratio": ("mlp_ratio", 4.0),
        "qkv_bias": "use_bias",
        "global_attn_indexes": Argument("global_attention_indices", list, list),
        "layer_norm_eps": "layer_norm_epsilon",
        "hidden_act": Argument(
            "activation",
            lambda name: activation_name({"hidden_act": name}),
            foreign_activation,
            absent="gelu",
        ),
    },
    theirs={"attention_dropout": 0.0},
    # Of other parts of Segment Anything.
    ignored=(*HARMLESS, "num_pos_feats", "scale"),
    only=ONLY,
    ours={"include_rescaling": False},
    among_others=True,
    after_reading=_from_sizes,
    before_writing=_to_sizes,
)


def read_config(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns our arguments of a config of Hugging Face's `SamVisionModel`.

    Args:
        theirs: the config; in that of a `SamModel`, "vision_config".

    Raises:
        ValueError: if a value can't be expressed here.
    """
    return _CONFIG.read(theirs, ViTDetBackbone, "Hugging Face's config")


FROM_TRANSFORMERS = Converter(
    layout="transformers",
    model_type="sam_vision_model",
    config=lambda theirs, names: read_config(theirs),
    to_config=lambda ours: {
        "architectures": ["SamVisionModel"],
        **_CONFIG.write(dict(ours), "Hugging Face's config"),
    },
    weights=WeightMap(encoder_weights("vision_encoder.")),
    unknown=_CONFIG.unknown,
)

# KerasHub and KerasCV.


def _keras_weights(distances: str) -> WeightMap:
    """Returns the map of weights, given the name of the layer of relative positions."""
    theirs, ours = "layers/windowed_transformer_encoder_{i}", "blocks.{i}"
    neck = "layers/sequential_0/layers"
    parts = [f"{ours}.attention.{name}" for name in ("query", "key", "value")]
    return WeightMap(
        {
            **layer_weights(
                "layers/vi_t_det_patching_and_embedding_0/projection",
                "patch_embedding.projection",
            ),
            "layers/add_positional_embedding_0/vars/0": (
                "position_embedding.positions",
                UNBATCHED,
            ),
            **layer_weights(
                f"{theirs}/layer_norm1", f"{ours}.attention_norm", "gamma beta"
            ),
            f"{theirs}/attention/qkv/vars/0": Fused(
                tuple(f"{part}.kernel" for part in parts), axis=1
            ),
            f"{theirs}/attention/qkv/vars/1": Fused(
                tuple(f"{part}.bias" for part in parts)
            ),
            **layer_weights(
                f"{theirs}/attention/{distances}",
                f"{ours}.attention",
                "row_positions column_positions",
            ),
            **layer_weights(f"{theirs}/attention/projection", f"{ours}.attention.out"),
            **layer_weights(
                f"{theirs}/layer_norm2", f"{ours}.feedforward_norm", "gamma beta"
            ),
            **layer_weights(
                f"{theirs}/mlp_block/dense_net/layers/dense_0", f"{ours}.feedforward.up"
            ),
            **layer_weights(
                f"{theirs}/mlp_block/dense_net/layers/dense_1",
                f"{ours}.feedforward.down",
            ),
            **layer_weights(f"{neck}/conv2d_0", "neck.conv_1", "kernel"),
            **layer_weights(
                f"{neck}/layer_normalization_0", "neck.norm_1", "gamma beta"
            ),
            **layer_weights(f"{neck}/conv2d_1", "neck.conv_2", "kernel"),
            **layer_weights(
                f"{neck}/layer_normalization_1", "neck.norm_2", "gamma beta"
            ),
        }
    )


def _with_positions(config: Config) -> Config:
    """Says what size positions are made for: images of another will be taken, too."""
    height, width, _ = config["input_shape"]
    size = height if height == width else [height, width]
    return {**config, "pretrain_image_size": size}


def _without_positions(config: Config) -> Config:
    size, shape = config.pop("pretrain_image_size"), tuple(config["input_shape"])
    if size is not None and as_size("pretrain_image_size", size) != shape[:2]:
        raise ValueError(
            "KerasHub's ViTDetBackbone can't express a 'pretrain_image_size' that is "
            f"not the size in 'input_shape', received {size} and {shape}."
        )
    if None in shape or shape[0] != shape[1]:
        raise ValueError(
            "KerasHub's ViTDetBackbone can't express an 'input_shape' that is not of "
            f"one size, and square, received {shape}."
        )
    return config


_SAME = ("patch_size", "use_bias", "use_abs_pos", "use_rel_pos", "window_size")
FROM_KERAS_HUB = KerasConverter(
    package="keras_hub",
    backbone=KerasClass(
        ViTDetBackbone,
        ("ViTDetBackbone",),
        ConfigMap(
            *("trainable", *_SAME, "layer_norm_epsilon", "num_heads"),
            renamed={
                "image_shape": Argument("input_shape", tuple, list),
                "hidden_size": "embed_dim",
                "num_layers": "depth",
                "intermediate_dim": "mlp_dim",
                "num_output_channels": "out_chans",
                "global_attention_layer_indices": "global_attention_indices",
                "dtype": DTYPE,
            },
            ours={
                "include_rescaling": False,
                "include_normalization": True,
                "activation": "gelu",
            },
            after_reading=_with_positions,
            before_writing=_without_positions,
        ),
    ),
    weights=lambda config: _keras_weights("add_decomposed_relative_pe"),
)
FROM_KERAS_CV = keras_classes.from_keras_cv(
    ViTDetBackbone,
    lambda config: _keras_weights("add_decomposed_reative_pe"),  # as it is there
    *("embed_dim", "depth", "mlp_dim", "num_heads", "out_chans"),
    *(*_SAME, "global_attention_indices", "layer_norm_epsilon"),
    after_reading=_with_positions,
)
