"""SAM as KerasHub and KerasCV have it: one class, one config, one file of weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from domain_core import WeightMap
from domain_core.images import ImageConverter
from domain_core.presets.config_map import Argument, Config, ConfigMap, Entry
from domain_core.presets.keras.converter import (
    ACTIVATION,
    DTYPE,
    KerasClass,
    KerasTask,
    image_converter_map,
)
from domain_core.serialization import flat_arguments
from domain_core.weights.weight_map import Target
from keras_cv.models.keras_classes import layer_weights
from keras_cv.models.segment_anything.mask_decoder import SAMMaskDecoder
from keras_cv.models.segment_anything.preprocessor import SegmentAnythingPreprocessor
from keras_cv.models.segment_anything.prompt_encoder import SAMPromptEncoder
from keras_cv.models.segment_anything.segment_anything import SegmentAnything
from keras_cv.models.segment_anything.segment_anything_model import (
    SegmentAnythingModel,
)
from keras_cv.models.segment_anything.two_way_transformer import TwoWayTransformer

_PROMPTS = "layers/sam_prompt_encoder_0"
_LEARNED = {
    "background_point_embed": "background_point",
    "foreground_point_embed": "foreground_point",
    "top_left_corner_embed": "top_left_corner",
    "bottom_right_corner_embed": "bottom_right_corner",
    "not_a_point_embed": "not_a_point",
    "no_mask_embed": "no_mask",
}
_ATTENTIONS = {
    "self_attention": "self_attention",
    "cross_attention_token_to_image": "token_to_image",
    "cross_attention_image_to_token": "image_to_token",
}
_NORMS = ("self_attention", "token_to_image", "mlp", "image_to_token")
_HYPERNETWORK_DEPTH = 3


def _norm(theirs: str, ours: str) -> dict[str, Target]:
    return layer_weights(theirs, ours, "gamma beta")


def _attention(theirs: str, ours: str) -> dict[str, Target]:
    return {
        name: target
        for part in ("query", "key", "value", "out")
        for name, target in layer_weights(
            f"{theirs}/{part}_proj", f"{ours}.{part}"
        ).items()
    }


def _perceptron(theirs: str, ours: str, depth: int) -> dict[str, Target]:
    parts = ["first", *(f"hidden.{i}" for i in range(depth - 2)), "last"]
    return {
        name: target
        for index, part in enumerate(parts)
        for name, target in layer_weights(
            f"{theirs}/layers/dense_{index}", f"{ours}.{part}"
        ).items()
    }


def _prompt_encoder() -> dict[str, Target]:
    masks, ours = f"{_PROMPTS}/mask_downscaler/layers", "prompt_encoder.mask_embedding"
    norm = f"{masks}/layer_normalization"
    return {
        f"{_PROMPTS}/positional_embedding_layer/vars/0": (
            "prompt_encoder.positions.frequencies"
        ),
        **{
            f"{_PROMPTS}/{name}/vars/0": f"prompt_encoder.{path}"
            for name, path in _LEARNED.items()
        },
        **layer_weights(f"{masks}/conv2d_0", f"{ours}.conv_0"),
        **_norm(f"{norm}_0", f"{ours}.norm_0"),
        **layer_weights(f"{masks}/conv2d_1", f"{ours}.conv_1"),
        **_norm(f"{norm}_1", f"{ours}.norm_1"),
        **layer_weights(f"{masks}/conv2d_2", f"{ours}.project"),
    }


def _transformer(theirs: str, ours: str, dense: str) -> dict[str, Target]:
    block, our_block = (
        f"{theirs}/layers/two_way_multi_head_attention_{{i}}",
        f"{ours}.blocks.{{i}}",
    )
    final = "final_attention_token_to_image"
    table = _attention(f"{theirs}/{final}", f"{ours}.final_attention")
    table |= _norm(f"{theirs}/final_layer_norm", f"{ours}.final_norm")
    for their_part, part in _ATTENTIONS.items():
        table |= _attention(f"{block}/{their_part}", f"{our_block}.{part}")
    for number, part in enumerate(_NORMS, 1):
        table |= _norm(f"{block}/layer_norm{number}", f"{our_block}.{part}_norm")
    for number, part in enumerate(("up", "down")):
        path = f"{block}/mlp_block/{dense}/layers/dense_{number}"
        table |= layer_weights(path, f"{our_block}.mlp.{part}")
    return table


def _weights(decoder: str, dense: str) -> Callable[[Mapping[str, Any]], WeightMap]:
    """Returns the map of the weights outside the backbone, given our arguments.

    Args:
        decoder: their path of the mask decoder.
        dense: how theirs calls the dense layers of a perceptron.
    """

    def weights(arguments: Mapping[str, Any]) -> WeightMap:
        own = flat_arguments(arguments)
        ours = "mask_decoder"
        enlarge = f"{decoder}/output_upscaling/layers"
        table = _prompt_encoder()
        table |= _transformer(f"{decoder}/transformer", f"{ours}.transformer", dense)
        for name in ("iou_token", "mask_tokens"):
            table[f"{decoder}/{name}/vars/0"] = f"{ours}.{name}"
        head = f"{decoder}/iou_prediction_head/{dense}"
        table |= _perceptron(head, f"{ours}.iou_head", own[f"{ours}.iou_head_depth"])
        for index in range(own[f"{ours}.num_multimask_outputs"] + 1):
            network = f"mlp_{index}" if index else "mlp"
            table |= _perceptron(
                f"{decoder}/output_hypernetworks_mlps/{network}/{dense}",
                f"{ours}.hypernetworks.{index}",
                _HYPERNETWORK_DEPTH,
            )
        table |= layer_weights(f"{enlarge}/conv2d_transpose_0", f"{ours}.enlarge_1")
        table |= _norm(f"{enlarge}/layer_normalization_0", f"{ours}.enlarge_norm")
        table |= layer_weights(f"{enlarge}/conv2d_transpose_1", f"{ours}.enlarge_2")
        return WeightMap(table)

    return weights


# Configs.

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
_OF_TRANSFORMER = {"depth": "depth", "mlp_dim": "mlp_dim", "num_heads": "num_heads"}
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
    transformer = config.pop("transformer")
    own = flat_arguments({"transformer": transformer})
    for name, value in _USUAL_TRANSFORMER.items():
        if own.get(f"transformer.{name}") != value:
            raise ValueError(
                "KerasHub's SAMMaskDecoder can't express a `transformer` but a "
                f"TwoWayTransformer with {name}={value!r}, received {own!r:.500}."
            )
    own = {name: own[f"transformer.{name}"] for name in _OF_TRANSFORMER}
    return {**config, **own, "hidden_size": config["transformer_dim"]}


FROM_KERAS_HUB = KerasTask(
    SegmentAnythingModel,
    ("SAMBackbone",),
    _TASK,
    weights=_weights("mask_decoder", "mlp_block"),
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
    own=(f"{_PROMPTS}/", "mask_decoder/"),
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
    weights=_weights("layers/sam_mask_decoder_0", "dense_net"),
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
    own=(f"{_PROMPTS}/", "layers/sam_mask_decoder_0/"),
)
# On raw images it is the same model.
TASKS = {
    "keras_hub": (
        FROM_KERAS_HUB,
        dataclasses.replace(FROM_KERAS_HUB, cls=SegmentAnything),
    ),
    "keras_cv": (FROM_KERAS_CV,),
}
