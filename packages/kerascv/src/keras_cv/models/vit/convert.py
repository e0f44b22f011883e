"""ViT as Hugging Face and KerasHub have it, and how it is sharded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core import Converter, Head, WeightMap, dense_weights
from domain_core.arguments import as_size
from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.keras.converter import (
    DTYPE,
    KerasClass,
    KerasConverter,
)
from domain_core.presets.transformers.config_keys import HARMLESS, ONLY
from domain_core.presets.transformers.reader import (
    activation_name,
    foreign_activation,
    label_arguments,
    label_config,
)
from domain_core.weights.joined_heads import joined_heads
from domain_core.weights.weight_map import (
    UNBATCHED,
    Target,
    conv_weights,
    norm_weights,
)
from keras_cv.models import keras_classes
from keras_cv.models.keras_classes import layer_weights
from keras_cv.models.vit.backbone import ViTBackbone

# The axis "width", of heads and hidden units, is what a model-parallel mesh splits.
SHARDING = {
    r"blocks\.\d+\.attention\.(query|key|value)\.kernel": (None, "width"),
    r"blocks\.\d+\.attention\.out\.kernel": ("width", None),
    r"blocks\.\d+\.feedforward\.up\.kernel": (None, "width"),
    r"blocks\.\d+\.feedforward\.down\.kernel": ("width", None),
}
_EMBEDDING = "embedding.patch_embedding.projection"
_OURS = "blocks.{i}"

# Hugging Face.


def _size(name: str, value: Any) -> int | list[int]:
    """Returns one number for a square, else height and width."""
    height, width = as_size(name, value)
    return height if height == width else [height, width]


def _from_sizes(config: Config) -> Config:
    height, width = as_size("image_size", config["pretrain_image_size"])
    shape = (height, width, config.pop("channels"))
    return {**config, "input_shape": shape}


def _to_sizes(config: Config) -> Config:
    shape, size = config["input_shape"], config["pretrain_image_size"]
    if size is None:
        config["pretrain_image_size"] = list(shape[:2])
    return {**config, "channels": shape[-1]}


_CONFIG = ConfigMap(
    renamed={
        "image_size": Argument(
            "pretrain_image_size",
            lambda size: _size("image_size", size),
            lambda size: _size("pretrain_image_size", size),
            absent=224,
        ),
        "patch_size": Argument(
            "patch_size",
            lambda size: _size("patch_size", size),
            lambda size: _size("patch_size", size),
            absent=16,
        ),
        "num_channels": ("channels", 3),
        "hidden_size": "hidden_dim",
        "num_hidden_layers": "num_layers",
        "num_attention_heads": "num_heads",
        "intermediate_size": "mlp_dim",
        "hidden_act": Argument(
            "activation",
            lambda name: activation_name({"hidden_act": name}),
            foreign_activation,
            absent="gelu",
        ),
        "hidden_dropout_prob": ("dropout_rate", 0.0),
        "attention_probs_dropout_prob": ("attention_dropout", 0.0),
        "layer_norm_eps": ("layer_norm_epsilon", 1e-12),
        "qkv_bias": ("use_mha_bias", True),
    },
    # The first is of masked images, the others are of a pooler that no head here has.
    ignored=(*HARMLESS, "encoder_stride", "pooler_output_size", "pooler_act"),
    only=ONLY,
    ours={
        "include_rescaling": False,
        "use_mlp_bias": True,
        "use_class_token": True,
        "use_patch_bias": True,
        "use_output_bias": True,
    },
    among_others=True,
    after_reading=_from_sizes,
    before_writing=_to_sizes,
)
_THEIRS = "encoder.layer.{i}"
_ATTENTION = f"{_THEIRS}.attention.attention"
FROM_TRANSFORMERS = Converter(
    layout="transformers",
    model_type="vit",
    config=lambda theirs, names: _CONFIG.read(
        theirs, ViTBackbone, "Hugging Face's config"
    ),
    to_config=lambda ours: {
        "architectures": ["ViTModel"],
        **_CONFIG.write(dict(ours), "Hugging Face's config"),
    },
    weights=WeightMap(
        {
            "embeddings.cls_token": ("embedding.class_token", UNBATCHED),
            "embeddings.position_embeddings": ("embedding.positions", UNBATCHED),
            **conv_weights(
                "embeddings.patch_embeddings.projection", _EMBEDDING, bias=True
            ),
            **norm_weights(f"{_THEIRS}.layernorm_before", f"{_OURS}.attention_norm"),
            **dense_weights(f"{_ATTENTION}.query", f"{_OURS}.attention.query"),
            **dense_weights(f"{_ATTENTION}.key", f"{_OURS}.attention.key"),
            **dense_weights(f"{_ATTENTION}.value", f"{_OURS}.attention.value"),
            **dense_weights(
                f"{_THEIRS}.attention.output.dense", f"{_OURS}.attention.out"
            ),
            **norm_weights(f"{_THEIRS}.layernorm_after", f"{_OURS}.feedforward_norm"),
            **dense_weights(f"{_THEIRS}.intermediate.dense", f"{_OURS}.feedforward.up"),
            **dense_weights(f"{_THEIRS}.output.dense", f"{_OURS}.feedforward.down"),
            **norm_weights("layernorm", "norm"),
        },
        ignored=(r"classifier\..*", r"(vit\.)?pooler\..*"),
        optional_prefix="vit.",
    ),
    unknown=_CONFIG.unknown,
    heads={
        "ViTForImageClassification": Head(
            "ImageClassifier",
            lambda config: {
                **label_arguments(config),
                "activation": None,
                "pooling": "token",
            },
            WeightMap(
                dense_weights("classifier", "predictions"), ignored=(r"vit\..*",)
            ),
            label_config,
        ),
    },
)

# KerasHub.

_POOLINGS = {"token": "token", "gap": "avg"}


def _hub_weights(config: Mapping[str, Any]) -> WeightMap:
    patches, encoder = "layers/vi_t_patching_and_embedding_0", "layers/vi_t_encoder_0"
    table: dict[str, Target] = {
        f"{patches}/vars/0": ("embedding.class_token", UNBATCHED),
        f"{patches}/position_embedding/vars/0": "embedding.positions",
        **layer_weights(f"{patches}/patch_embedding", _EMBEDDING),
        **layer_weights(f"{encoder}/layer_norm", "norm", "gamma beta"),
    }
    for index in range(config["num_layers"]):
        number = f"_{index}" if index else ""
        table |= _hub_block(
            f"{encoder}/encoder_layers/vi_t_encoder_block{number}",
            f"blocks.{index}",
            config["num_heads"],
        )
    return WeightMap(table)


def _hub_block(theirs: str, ours: str, heads: int) -> dict[str, Target]:
    first, second = joined_heads(0, heads), joined_heads(1, heads)
    table: dict[str, Target] = {
        **layer_weights(
            f"{theirs}/layer_norm_1", f"{ours}.attention_norm", "gamma beta"
        ),
        **layer_weights(
            f"{theirs}/layer_norm_2", f"{ours}.feedforward_norm", "gamma beta"
        ),
        **layer_weights(f"{theirs}/mlp/dense_1", f"{ours}.feedforward.up"),
        **layer_weights(f"{theirs}/mlp/dense_2", f"{ours}.feedforward.down"),
        **layer_weights(f"{theirs}/mha/output_dense", f"{ours}.attention.out"),
    }
    out = f"{ours}.attention.out.kernel"
    table[f"{theirs}/mha/output_dense/vars/0"] = (out, first)
    for name in ("query", "key", "value"):
        dense = f"{theirs}/mha/{name}_dense/vars"
        table[f"{dense}/0"] = (f"{ours}.attention.{name}.kernel", second)
        table[f"{dense}/1"] = (f"{ours}.attention.{name}.bias", first)
    return table


def _with_positions(config: Config) -> Config:
    """Says what size positions are made for: images of another will be taken, too."""
    size = _size("image_shape", config["input_shape"][:2])
    return {**config, "pretrain_image_size": size}


def _as_in_hub(config: Config) -> Config:
    size, shape = config.pop("pretrain_image_size"), tuple(config["input_shape"])
    if None in shape or shape[:2] != as_size("size", size or list(shape[:2])):
        raise ValueError(
            "KerasHub's ViTBackbone can't express an 'input_shape' that is not the one "
            f"size that positions are made for, received {shape} and "
            f"'pretrain_image_size' {size}."
        )
    bias = config.pop("use_output_bias")
    if bias not in (None, config["use_mha_bias"]):
        raise ValueError(
            "KerasHub's ViTBackbone can't express 'use_output_bias' that is not "
            f"'use_mha_bias', received {bias}."
        )
    return config


def _pooling(value: Any) -> str:
    if value not in _POOLINGS:
        raise ValueError(f"expected one of {sorted(_POOLINGS)}")
    return _POOLINGS[value]


_CLASSIFIER = keras_classes.classifier(
    "ViTImageClassifier",
    Argument(
        "pooling",
        _pooling,
        {ours: theirs for theirs, ours in _POOLINGS.items()}.__getitem__,
    ),
    theirs={"intermediate_dim": None, "dropout": 0.0, "head_dtype": None},
    ours={"class_names": None, "hidden_units": None, "hidden_activation": "relu"},
)
FROM_KERAS_HUB = KerasConverter(
    package="keras_hub",
    backbone=KerasClass(
        ViTBackbone,
        ("ViTBackbone",),
        ConfigMap(
            *("trainable", "num_layers", "num_heads", "hidden_dim", "mlp_dim"),
            *("dropout_rate", "attention_dropout", "layer_norm_epsilon"),
            *("use_mha_bias", "use_mlp_bias", "use_class_token", "use_patch_bias"),
            renamed={
                "image_shape": Argument("input_shape", tuple, list),
                "patch_size": Argument(
                    "patch_size",
                    lambda size: _size("patch_size", size),
                    lambda size: list(as_size("patch_size", size)),
                ),
                "dtype": DTYPE,
            },
            ours={"include_rescaling": False, "activation": "gelu"},
            after_reading=_with_positions,
            before_writing=_as_in_hub,
        ),
    ),
    weights=_hub_weights,
    **{**keras_classes.image_classification("ViT"), "tasks": (_CLASSIFIER,)},
)
