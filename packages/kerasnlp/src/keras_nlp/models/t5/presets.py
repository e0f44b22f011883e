"""Published T5 and Flan-T5 weights: sizes and where they come from."""

from __future__ import annotations

from typing import Any

from domain_core import Preset

_C4 = "C4, 750 GB of English text from the web,"
# Layers of either stack, heads, width, and width inside the feed-forward parts.
_SIZES = {
    "small": (6, 8, 512, 2048),
    "base": (12, 12, 768, 3072),
    "large": (24, 16, 1024, 4096),
}
_SIZES_1_1 = {
    "small": (8, 6, 512, 1024),
    "base": (12, 12, 768, 2048),
    "large": (24, 16, 1024, 2816),
    "xl": (24, 32, 2048, 5120),
    "xxl": (24, 64, 4096, 10240),
}
_GATED: dict[str, Any] = {
    "activation": "gelu_approximate",
    "use_gated_activation": True,
    "tie_embedding_weights": False,
}


def _preset(
    name: str,
    version: int,
    parameters: int,
    model: str,
    data: str,
    paper: str,
    sizes: tuple[int, ...],
    options: dict[str, Any],
) -> Preset:
    layers, heads, width, inner = sizes
    return Preset(
        description=f"{model} of {layers} + {layers} layers trained on {data}.",
        config={
            "vocabulary_size": 32128,
            "num_layers": layers,
            "num_heads": heads,
            "hidden_dim": width,
            "intermediate_dim": inner,
            "key_value_dim": 64,
            **options,
        },
        handle=f"kaggle://keras/t5/keras/{name}/{version}",
        parameters=parameters,
        licence="Apache-2.0",
        paper=f"https://arxiv.org/abs/{paper}",
        origin="Google, converted by the Keras team",
        # KerasHub counts two of these as if their tables were tied.
        unverified=("handle", "tie_embedding_weights")
        if name in ("t5_1.1_small", "t5_1.1_large")
        else ("handle",),
    )


_ROWS = (
    (
        *("{}_multi", "t5", 3, "T5", f"{_C4} and on supervised tasks", "1910.10683"),
        _SIZES,
        {"use_gated_activation": False},
        {"small": 60506624, "base": 222903552, "large": 737668096},
    ),
    (
        *("1.1_{}", "t5", 2, "T5 1.1", f"{_C4} alone", "2002.05202"),
        _SIZES_1_1,
        _GATED,
        {
            **{"small": 76961152, "base": 247577856, "large": 783150080},
            **{"xl": 2849757184, "xxl": 11135332352},
        },
    ),
    (
        *("{}_multi", "flan", 3, "Flan-T5"),
        *(f"{_C4} then on instructions of 1,800 tasks", "2210.11416"),
        _SIZES_1_1,
        _GATED,
        {"small": 76961152, "base": 247577856, "large": 783150080},
    ),
)
PRESETS = {
    (name := f"{first}_{pattern.format(size)}"): _preset(
        *(name, version, parameters, model, data, paper, sizes[size], options)
    )
    for pattern, first, version, model, data, paper, sizes, options, counts in _ROWS
    for size, parameters in counts.items()
}
