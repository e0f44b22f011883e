"""Published weights of ViTDet, and its sizes without weights."""

from __future__ import annotations

from domain_core import Preset

# Width, blocks, heads, global blocks, parameters, name.
_ROWS = [
    (768, 12, 12, [2, 5, 8, 11], 89670912, "base"),
    (1024, 24, 16, [5, 11, 17, 23], 308278272, "large"),
    (1280, 32, 16, [7, 15, 23, 31], 637026048, "huge"),
]

PRESETS = {
    name: Preset(
        description=f"ViTDet {'of SAM, on SA-1B' if trained else 'untrained'}.",
        config={
            "include_rescaling": True,
            "embed_dim": width,
            "depth": depth,
            "mlp_dim": 4 * width,
            "num_heads": heads,
            "global_attention_indices": blocks,
            "pretrain_image_size": 1024,
        },
        handle=f"kaggle://keras/vitdet/keras/{name}/2" if trained else None,
        parameters=parameters,
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/2203.16527",
        origin="the Keras team, from Meta's Segment Anything",
        image_converter={
            "image_size": (1024, 1024),
            "crop_to_aspect_ratio": False,
            "pad_to_aspect_ratio": True,
        },
        unverified=("handle", "licence", "image_converter"),
    )
    for width, depth, heads, blocks, parameters, size in _ROWS
    for trained in (False, True)
    for name in [f"vitdet_{size}{'_sa1b' if trained else ''}"]
}
