"""The sizes of the paper, without weights."""

from __future__ import annotations

from domain_core import Preset

# Patch, blocks, heads, width, parameters, name.
_ROWS = [
    (16, 12, 12, 768, 85798656, "base"),
    (32, 12, 12, 768, 87455232, "base"),
    (16, 24, 16, 1024, 303301632, "large"),
    (32, 24, 16, 1024, 305510400, "large"),
    (14, 32, 16, 1280, 630764800, "huge"),
]

PRESETS = {
    f"vit_{size}_patch{patch}": Preset(
        description="Vision transformer, untrained.",
        config={
            "patch_size": patch,
            "num_layers": depth,
            "num_heads": heads,
            "hidden_dim": width,
            "mlp_dim": 4 * width,
            "pretrain_image_size": 224,
        },
        handle=None,
        parameters=parameters,
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/2010.11929",
        origin="Google Research",
        image_converter={
            "image_size": (224, 224),
            "scale": 1 / 255,
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
        },
        unverified=("licence", "image_converter"),
    )
    for patch, depth, heads, width, parameters, size in _ROWS
}
