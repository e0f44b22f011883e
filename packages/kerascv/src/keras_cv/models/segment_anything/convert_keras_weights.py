"""The weights of SAM's prompt encoder and mask decoder in KerasHub and KerasCV."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from domain_core import WeightMap
from domain_core.serialization import flat_arguments
from domain_core.weights.weight_map import Target
from keras_cv.models.keras_classes import layer_weights

PROMPTS = "layers/sam_prompt_encoder_0"
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


def head_weights(decoder: str, dense: str) -> Callable[[Mapping[str, Any]], WeightMap]:
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
    masks, ours = f"{PROMPTS}/mask_downscaler/layers", "prompt_encoder.mask_embedding"
    norm = f"{masks}/layer_normalization"
    return {
        f"{PROMPTS}/positional_embedding_layer/vars/0": (
            "prompt_encoder.positions.frequencies"
        ),
        **{
            f"{PROMPTS}/{name}/vars/0": f"prompt_encoder.{path}"
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
