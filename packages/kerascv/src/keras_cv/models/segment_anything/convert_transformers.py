"""SAM as Hugging Face has it: configs of all parts in one, weights in one file.

Its image encoder is a backbone of its own, whose family reads and writes the config of
that; what is here is the prompt encoder, the mask decoder and the whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core import Converter, Head, WeightMap
from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.transformers.config_keys import HARMLESS, ONLY
from domain_core.presets.transformers.reader import activation_name, foreign_activation
from domain_core.registry import find_converter
from domain_core.serialization import registered_name
from keras_cv.models.segment_anything.convert import WEIGHTS
from keras_cv.models.segment_anything.mask_decoder import SAMMaskDecoder
from keras_cv.models.segment_anything.prompt_encoder import SAMPromptEncoder
from keras_cv.models.segment_anything.two_way_transformer import TwoWayTransformer
from keras_cv.models.vit_det_weights import encoder_weights

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
            key
            for key in _MASK_DECODER.unknown(config)
            if _TRANSFORMER.unknown({key: None})
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
            WEIGHTS,
            _write_parts,
            written_for=("SegmentAnything",),
        )
    },
    unknown=_unknown,
)
