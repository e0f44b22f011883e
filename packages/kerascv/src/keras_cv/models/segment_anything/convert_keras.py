"""SAM as KerasHub and KerasCV have it: one class, one config, one file of weights."""

from __future__ import annotations

import dataclasses
from typing import Any

from domain_core.images import ImageConverter
from domain_core.presets.config_map import Argument, Config, ConfigMap, Entry
from domain_core.presets.keras.converter import (
    ACTIVATION,
    DTYPE,
    KerasClass,
    KerasTask,
    image_converter_map,
)
from domain_core.serialization import flat_arguments, registered_name
from keras_cv.models.segment_anything.convert_keras_weights import (
    PROMPTS,
    head_weights,
)
from keras_cv.models.segment_anything.mask_decoder import SAMMaskDecoder
from keras_cv.models.segment_anything.preprocessor import SegmentAnythingPreprocessor
from keras_cv.models.segment_anything.prompt_encoder import SAMPromptEncoder
from keras_cv.models.segment_anything.segment_anything import SegmentAnything
from keras_cv.models.segment_anything.segment_anything_model import (
    SegmentAnythingModel,
)
from keras_cv.models.segment_anything.two_way_transformer import TwoWayTransformer

_SHAPES: dict[str, Entry] = {
    name: Argument(name, tuple, list)
    for name in ("image_embedding_size", "input_image_size")
}
_DECODER = ("num_multimask_outputs", "iou_head_depth", "iou_head_hidden_dim")
_USUAL: dict[str, Entry] = {"activation": ACTIVATION, "dtype": DTYPE}


def _part(name: str, cls: type) -> Argument:
    def refuse(value: Any) -> Any:
        raise ValueError(f"it is no {cls.__name__}")

    # What is one has been read or written before.
    return Argument(name, write=refuse)


_TASK = ConfigMap(
    renamed={
        "prompt_encoder": _part("prompt_encoder", SAMPromptEncoder),
        "mask_decoder": _part("mask_decoder", SAMMaskDecoder),
    },
    ignored=("trainable", "dtype"),
)


def _prompt_encoder_of(
    embed_dim: str = "embed_dim", mask_in_chans: str = "mask_in_chans"
) -> KerasClass:
    return KerasClass(
        SAMPromptEncoder,
        ("SAMPromptEncoder",),
        ConfigMap(
            "trainable",
            renamed={
                **_SHAPES,
                **_USUAL,
                embed_dim: "embed_dim",
                mask_in_chans: "mask_in_chans",
            },
            ours={"layer_norm_epsilon": 1e-6},
        ),
    )


# KerasHub's decoder makes its transformer itself.
_OF_TRANSFORMER = ("depth", "mlp_dim", "num_heads")
_USUAL_TRANSFORMER = {
    "activation": "relu",
    "attention_downsample_rate": 2,
    "layer_norm_epsilon": 1e-5,
}


def _with_transformer(config: Config) -> Config:
    own = {name: config.pop(name) for name in _OF_TRANSFORMER}
    if config.pop("hidden_size") != config["transformer_dim"]:
        raise ValueError(
            "Expected the same 'hidden_size' and 'embedding_dim' of a SAMMaskDecoder."
        )
    width, dtype = config["transformer_dim"], config.get("dtype")
    transformer = TwoWayTransformer(embed_dim=width, dtype=dtype, **own)
    return {**config, "transformer": transformer}


def _without_transformer(config: Config) -> Config:
    own = flat_arguments({"transformer": config.pop("transformer")})
    usual = {
        "transformer": registered_name(TwoWayTransformer),
        **{f"transformer.{name}": value for name, value in _USUAL_TRANSFORMER.items()},
    }
    for name, value in usual.items():
        if own.get(name) != value:
            raise ValueError(
                f"KerasHub's SAMMaskDecoder can't express {name}="
                f"{own.get(name)!r:.200}, only {value!r}."
            )
    kept = {name: own[f"transformer.{name}"] for name in _OF_TRANSFORMER}
    return {**config, **kept, "hidden_size": config["transformer_dim"]}


FROM_KERAS_HUB = KerasTask(
    SegmentAnythingModel,
    ("SAMBackbone",),
    _TASK,
    weights=head_weights("mask_decoder", "mlp_block"),
    parts=(
        _prompt_encoder_of("hidden_size", "mask_in_channels"),
        KerasClass(
            SAMMaskDecoder,
            ("SAMMaskDecoder",),
            ConfigMap(
                *("trainable", *_DECODER, "hidden_size", "num_heads"),
                renamed={
                    **_USUAL,
                    "embedding_dim": "transformer_dim",
                    "num_layers": "depth",
                    "intermediate_dim": "mlp_dim",
                },
                after_reading=_with_transformer,
                before_writing=_without_transformer,
            ),
        ),
    ),
    backbone_argument="image_encoder",
    own=(f"{PROMPTS}/", "mask_decoder/"),
    around="SAMImageSegmenter",
    image_converter=KerasClass(
        ImageConverter, ("SAMImageConverter",), image_converter_map()
    ),
    preprocessor=KerasClass(
        SegmentAnythingPreprocessor,
        ("SAMImageSegmenterPreprocessor",),
        # What becomes of masks is said when they are asked for.
        ConfigMap(ignored=("trainable", "dtype", "resize_output_mask")),
    ),
)
FROM_KERAS_CV = KerasTask(
    SegmentAnythingModel,
    ("SegmentAnythingModel",),
    _TASK,
    weights=head_weights("layers/sam_mask_decoder_0", "dense_net"),
    parts=(
        _prompt_encoder_of(),
        KerasClass(
            SAMMaskDecoder,
            ("SAMMaskDecoder",),
            ConfigMap(
                "trainable", "transformer_dim", "transformer", *_DECODER, renamed=_USUAL
            ),
        ),
        KerasClass(
            TwoWayTransformer,
            ("TwoWayTransformer",),
            ConfigMap(
                *("trainable", "depth", "embed_dim", "num_heads", "mlp_dim"),
                "attention_downsample_rate",
                renamed=_USUAL,
                ours={"layer_norm_epsilon": 1e-5},
            ),
        ),
    ),
    own=(f"{PROMPTS}/", "layers/sam_mask_decoder_0/"),
)
# On raw images it is the same model.
TASKS = {
    "keras_hub": (
        FROM_KERAS_HUB,
        dataclasses.replace(FROM_KERAS_HUB, cls=SegmentAnything),
    ),
    "keras_cv": (FROM_KERAS_CV,),
}
