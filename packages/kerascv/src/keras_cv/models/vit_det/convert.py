"""ViTDet as Hugging Face and KerasHub have it, and how it is sharded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core import Converter, WeightMap
from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.transformers.config_keys import HARMLESS, ONLY
from domain_core.presets.transformers.reader import activation_name, foreign_activation
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
