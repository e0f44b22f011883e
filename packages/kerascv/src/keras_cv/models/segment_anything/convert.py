"""SAM as Hugging Face has it.

Its image encoder is a backbone of its own, whose family reads and writes the config of
that; what is here is the prompt encoder, the mask decoder and the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from domain_core import (
    Converter,
    Head,
    WeightMap,
    conv_weights,
    dense_weights,
    norm_weights,
)
from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.transformers.config_keys import HARMLESS, ONLY
from domain_core.presets.transformers.reader import activation_name, foreign_activation
from domain_core.registry import find_converter
from domain_core.serialization import registered_name
from domain_core.weights.weight_map import Target
from domain_core.weights.weight_paths import paths_of_parts
from keras_cv.models.segment_anything.mask_decoder import SAMMaskDecoder
from keras_cv.models.segment_anything.prompt_encoder import SAMPromptEncoder
from keras_cv.models.segment_anything.two_way_transformer import TwoWayTransformer
from keras_cv.models.vit_det_weights import encoder_weights

PARTS = ("prompt_encoder", "mask_decoder")

_FREQUENCIES = "prompt_encoder.positions.frequencies"
# Of an embedding of one row each.
_LEARNED = {
    "point_embed.0": "background_point",
    "point_embed.1": "foreground_point",
    "point_embed.2": "top_left_corner",
    "point_embed.3": "bottom_right_corner",
    "not_a_point_embed": "not_a_point",
    "no_mask_embed": "no_mask",
}


def _attention(theirs: str, ours: str) -> dict[str, Target]:
    return {
        **dense_weights(f"{theirs}.q_proj", f"{ours}.query"),
        **dense_weights(f"{theirs}.k_proj", f"{ours}.key"),
        **dense_weights(f"{theirs}.v_proj", f"{ours}.value"),
        **dense_weights(f"{theirs}.out_proj", f"{ours}.out"),
    }


def _perceptron(theirs: str, ours: str) -> dict[str, Target]:
    return {
        **dense_weights(f"{theirs}.proj_in", f"{ours}.first"),
        **dense_weights(f"{theirs}.layers.{{layer}}", f"{ours}.hidden.{{layer}}"),
        **dense_weights(f"{theirs}.proj_out", f"{ours}.last"),
    }


def _prompt_encoder(prefix: str) -> dict[str, Target]:
    masks, ours = f"{prefix}mask_embed", f"{prefix}mask_embedding"
    return {
        f"{prefix}shared_embedding.positional_embedding": _FREQUENCIES,
        **{
            f"{prefix}{name}.weight": f"{prefix}{path}"
            for name, path in _LEARNED.items()
        },
        **conv_weights(f"{masks}.conv1", f"{ours}.conv_0", bias=True),
        **norm_weights(f"{masks}.layer_norm1", f"{ours}.norm_0"),
        **conv_weights(f"{masks}.conv2", f"{ours}.conv_1", bias=True),
        **norm_weights(f"{masks}.layer_norm2", f"{ours}.norm_1"),
        **conv_weights(f"{masks}.conv3", f"{ours}.project", bias=True),
    }


def _mask_decoder(prefix: str) -> dict[str, Target]:
    transformer = f"{prefix}transformer"
    theirs, ours = f"{transformer}.layers.{{i}}", f"{transformer}.blocks.{{i}}"
    return {
        f"{prefix}iou_token.weight": f"{prefix}iou_token",
        f"{prefix}mask_tokens.weight": f"{prefix}mask_tokens",
        **_attention(f"{theirs}.self_attn", f"{ours}.self_attention"),
        **norm_weights(f"{theirs}.layer_norm1", f"{ours}.self_attention_norm"),
        **_attention(f"{theirs}.cross_attn_token_to_image", f"{ours}.token_to_image"),
        **norm_weights(f"{theirs}.layer_norm2", f"{ours}.token_to_image_norm"),
        **dense_weights(f"{theirs}.mlp.lin1", f"{ours}.mlp.up"),
        **dense_weights(f"{theirs}.mlp.lin2", f"{ours}.mlp.down"),
        **norm_weights(f"{theirs}.layer_norm3", f"{ours}.mlp_norm"),
        **_attention(f"{theirs}.cross_attn_image_to_token", f"{ours}.image_to_token"),
        **norm_weights(f"{theirs}.layer_norm4", f"{ours}.image_to_token_norm"),
        **_attention(
            f"{transformer}.final_attn_token_to_image", f"{transformer}.final_attention"
        ),
        **norm_weights(
            f"{transformer}.layer_norm_final_attn", f"{transformer}.final_norm"
        ),
        **conv_weights(f"{prefix}upscale_conv1", f"{prefix}enlarge_1", bias=True),
        **norm_weights(f"{prefix}upscale_layer_norm", f"{prefix}enlarge_norm"),
        **conv_weights(f"{prefix}upscale_conv2", f"{prefix}enlarge_2", bias=True),
        **_perceptron(
            f"{prefix}output_hypernetworks_mlps.{{i}}", f"{prefix}hypernetworks.{{i}}"
        ),
        **_perceptron(f"{prefix}iou_prediction_head", f"{prefix}iou_head"),
    }


# For a map of the whole model, whose image encoder has tensors of its own.
TRANSFORMERS: dict[str, Target] = {
    # The same twice, of which a file may hold only one.
    "shared_image_embedding.positional_embedding": _FREQUENCIES,
    **_prompt_encoder("prompt_encoder."),
    **_mask_decoder("mask_decoder."),
}
TRANSFORMERS_INSTEAD = {
    "shared_image_embedding.positional_embedding": (
        "prompt_encoder.shared_embedding.positional_embedding"
    )
}
_WEIGHTS = WeightMap(
    TRANSFORMERS, instead=TRANSFORMERS_INSTEAD, ignored=(r"vision_encoder\..*",)
)


def load_transformers_weights(
    parts: Mapping[str, keras.Layer], tensors: Mapping[str, Any]
) -> None:
    """Writes the weights of both parts from a checkpoint of Hugging Face's `SamModel`.

    Args:
        parts: "prompt_encoder", a `SAMPromptEncoder`; "mask_decoder", a
            `SAMMaskDecoder`; both built. Theirs was trained with a
            `layer_norm_epsilon` of 1e-6 in the blocks of its transformer.
        tensors: NumPy arrays, or torch tensors on the CPU, by their names in the
            checkpoint; those of the image encoder are not looked at.

    Raises:
        PresetCorruptError: if a weight would be left out, or a tensor, or a shape
            differs; nothing is written then.
    """
    _WEIGHTS.assign_arrays(paths_of_parts(parts), tensors)


def transformers_weights(parts: Mapping[str, keras.Layer]) -> dict[str, np.ndarray]:
    """Returns the weights of both parts as Hugging Face's `SamModel` names them.

    Args:
        parts: see `load_transformers_weights`.
    """
    return _WEIGHTS.to_arrays(paths_of_parts(parts))


# Configs.

_TARGET = "Hugging Face's config"


def _activation(absent: str) -> Argument:
    return Argument(
        "activation",
        lambda name: activation_name({"hidden_act": name}),
        foreign_activation,
        absent=absent,
    )


def _square(size: Any) -> int:
    """Returns the one number of a square size."""
    height, width = size
    if height != width:
        raise ValueError("images are square there")
    return int(height)


def _with_embedding(config: Config) -> Config:
    size, patch = config["input_image_size"], config.pop("patch_size")
    return {**config, "image_embedding_size": (size[0] // patch, size[1] // patch)}


def _with_patch(config: Config) -> Config:
    embedding = config.pop("image_embedding_size")
    return {**config, "patch_size": config["input_image_size"][0] // embedding[0]}


_PROMPT_ENCODER = ConfigMap(
    renamed={
        "hidden_size": "embed_dim",
        "image_size": Argument(
            "input_image_size", lambda size: (size, size), _square, absent=1024
        ),
        "patch_size": ("patch_size", 16),
        "mask_input_channels": "mask_in_chans",
        "hidden_act": _activation("gelu"),
        "layer_norm_eps": "layer_norm_epsilon",
    },
    theirs={"num_point_embeddings": 4},
    ignored=(*HARMLESS, "image_embedding_size"),
    only=ONLY,
    among_others=True,
    after_reading=_with_embedding,
    before_writing=_with_patch,
)
# Of the decoder and of its transformer, in one config there.
_MASK_DECODER = ConfigMap(
    *("num_multimask_outputs", "iou_head_depth", "iou_head_hidden_dim"),
    renamed={"hidden_size": "transformer_dim"},
    ignored=HARMLESS,
    only=ONLY,
    among_others=True,
)
_TRANSFORMER = ConfigMap(
    "mlp_dim",
    renamed={
        "hidden_size": "embed_dim",
        "num_hidden_layers": "depth",
        "num_attention_heads": "num_heads",
        "hidden_act": _activation("relu"),
        # That of KerasCV is another.
        "layer_norm_eps": ("layer_norm_epsilon", 1e-6),
    },
    # Their blocks take no other, whatever it says.
    theirs={"attention_downsample_rate": 2},
    among_others=True,
)


def _read_parts(theirs: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments of a `SegmentAnythingModel` besides its backbone."""
    prompts, masks = theirs["prompt_encoder_config"], theirs["mask_decoder_config"]
    transformer = _TRANSFORMER.read(masks, TwoWayTransformer, _TARGET)
    return {
        "prompt_encoder": SAMPromptEncoder(
            **_PROMPT_ENCODER.read(prompts, SAMPromptEncoder, _TARGET)
        ),
        "mask_decoder": SAMMaskDecoder(
            **_MASK_DECODER.read(masks, SAMMaskDecoder, _TARGET),
            transformer=TwoWayTransformer(**transformer),
        ),
    }


def _write_parts(ours: Mapping[str, Any]) -> dict[str, Any]:
    prompts = _own_arguments(ours["prompt_encoder"], SAMPromptEncoder)
    masks = _own_arguments(ours["mask_decoder"], SAMMaskDecoder)
    transformer = _own_arguments(masks["transformer"], TwoWayTransformer)
    return {
        "prompt_encoder_config": {
            "model_type": "sam_prompt_encoder",
            **_PROMPT_ENCODER.write(prompts, _TARGET),
        },
        "mask_decoder_config": {
            "model_type": "sam_mask_decoder",
            **_MASK_DECODER.write(masks, _TARGET),
            **_TRANSFORMER.write(transformer, _TARGET),
        },
    }


def _own_arguments(part: Any, cls: type) -> Config:
    """Returns the arguments of a part, as a config holds it."""
    if not isinstance(part, Mapping) or part["registered_name"] != registered_name(cls):
        raise ValueError(
            f"Expected a {cls.__name__}, which {_TARGET} has a place for, received "
            f"{part!r:.200}. Use `save_to_preset` instead."
        )
    return dict(part["config"])


def _vision() -> Converter:
    """Returns how the image encoder's family reads and writes its config."""
    return find_converter("transformers", "sam_vision_model")[1]


def _write_vision(ours: Mapping[str, Any]) -> dict[str, Any]:
    to_config = _vision().to_config
    assert to_config is not None, "ViTDet is written"
    config = {"model_type": "sam_vision_model", **to_config(ours)}
    del config["architectures"]  # it is part of a model
    return {"vision_config": {**config, "num_pos_feats": ours["out_chans"] // 2}}


def _unknown(theirs: Mapping[str, Any]) -> list[str]:
    looks = {
        "vision_config": _vision().unknown,
        "prompt_encoder_config": _PROMPT_ENCODER.unknown,
        "mask_decoder_config": lambda config: [
            key for key in _MASK_DECODER.unknown(config) if _TRANSFORMER.unknown([key])
        ],
    }
    found = [key for key in theirs if key not in (*looks, *HARMLESS)]
    for part, look in looks.items():
        if isinstance(config := theirs.get(part), Mapping) and look is not None:
            found += [f"{part}.{key}" for key in look(config)]
    return found


FROM_TRANSFORMERS = Converter(
    layout="transformers",
    model_type="sam",
    config=lambda theirs, names: _vision().config(theirs["vision_config"], names),
    to_config=_write_vision,
    weights=WeightMap(
        encoder_weights("vision_encoder."),
        ignored=(r"(shared_image_embedding|prompt_encoder|mask_decoder)\..*",),
    ),
    heads={
        "SamModel": Head(
            "SegmentAnythingModel",
            _read_parts,
            _WEIGHTS,
            _write_parts,
            written_for=("SegmentAnything",),
        )
    },
    unknown=_unknown,
)
