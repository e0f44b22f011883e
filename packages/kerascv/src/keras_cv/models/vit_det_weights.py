"""Hugging Face's names of the weights of ViTDet inside Segment Anything."""

from __future__ import annotations

from domain_core.weights.weight_map import (
    TRANSPOSE,
    UNBATCHED,
    Fused,
    Target,
    conv_weights,
    dense_weights,
    norm_weights,
)


def encoder_weights(theirs: str, ours: str = "") -> dict[str, Target]:
    """Returns the entries of the image encoder, whatever its sizes and options.

    Args:
        theirs: what their names begin with, "vision_encoder." in all checkpoints.
        ours: what our paths begin with, "backbone." where a model holds it as that.
    """
    their_block, block = f"{theirs}layers.{{i}}", f"{ours}blocks.{{i}}"
    parts = [f"{block}.attention.{name}" for name in ("query", "key", "value")]
    neck, our_neck = f"{theirs}neck", f"{ours}neck"
    return {
        **conv_weights(
            f"{theirs}patch_embed.projection",
            f"{ours}patch_embedding.projection",
            bias=True,
        ),
        f"{theirs}pos_embed": (f"{ours}position_embedding.positions", UNBATCHED),
        **norm_weights(f"{their_block}.layer_norm1", f"{block}.attention_norm"),
        f"{their_block}.attn.qkv.weight": Fused(
            tuple(f"{part}.kernel" for part in parts), TRANSPOSE
        ),
        f"{their_block}.attn.qkv.bias": Fused(tuple(f"{part}.bias" for part in parts)),
        f"{their_block}.attn.rel_pos_h": f"{block}.attention.row_positions",
        f"{their_block}.attn.rel_pos_w": f"{block}.attention.column_positions",
        **dense_weights(f"{their_block}.attn.proj", f"{block}.attention.out"),
        **norm_weights(f"{their_block}.layer_norm2", f"{block}.feedforward_norm"),
        **dense_weights(f"{their_block}.mlp.lin1", f"{block}.feedforward.up"),
        **dense_weights(f"{their_block}.mlp.lin2", f"{block}.feedforward.down"),
        **conv_weights(f"{neck}.conv1", f"{our_neck}.conv_1"),
        **norm_weights(f"{neck}.layer_norm1", f"{our_neck}.norm_1"),
        **conv_weights(f"{neck}.conv2", f"{our_neck}.conv_2"),
        **norm_weights(f"{neck}.layer_norm2", f"{our_neck}.norm_2"),
    }
