"""The weights of SAM's prompt encoder and mask decoder as Hugging Face names them.

The image encoder is a backbone of its own, and so are its weights.
"""

from __future__ import annotations

from domain_core import WeightMap, conv_weights, dense_weights, norm_weights
from domain_core.weights.weight_map import Target

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
WEIGHTS = WeightMap(
    TRANSFORMERS, instead=TRANSFORMERS_INSTEAD, ignored=(r"vision_encoder\..*",)
)
