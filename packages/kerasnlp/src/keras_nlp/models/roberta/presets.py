"""Published RoBERTa weights: sizes and where they come from."""

from __future__ import annotations

from domain_core import Preset

# Sizes: layers, heads, width, inner width; parameters.
_ROWS = {
    "roberta_base_en": (12, 12, 768, 3072, 124052736),
    "roberta_large_en": (24, 16, 1024, 4096, 354307072),
}

PRESETS = {
    name: Preset(
        description=f"{layers}-layer RoBERTa trained on 160 GB of English text.",
        config={
            "vocabulary_size": 50265,
            "num_layers": layers,
            "num_heads": heads,
            "hidden_dim": width,
            "intermediate_dim": inner,
        },
        handle=f"kaggle://keras/roberta/keras/{name}/2",
        parameters=parameters,
        licence="MIT",
        paper="https://arxiv.org/abs/1907.11692",
        origin="Facebook AI, converted by the Keras team",
        unverified=("handle",),
    )
    for name, (layers, heads, width, inner, parameters) in _ROWS.items()
}
