"""Published XLM-RoBERTa weights: sizes and where they come from."""

from __future__ import annotations

from domain_core import Preset

# Sizes: layers, heads, width, inner width; parameters.
_ROWS = {
    "xlm_roberta_base_multi": (12, 12, 768, 3072, 277450752),
    "xlm_roberta_large_multi": (24, 16, 1024, 4096, 558837760),
}

PRESETS = {
    name: Preset(
        description=f"{layers}-layer XLM-RoBERTa trained on text in 100 languages.",
        config={
            "vocabulary_size": 250002,
            "num_layers": layers,
            "num_heads": heads,
            "hidden_dim": width,
            "intermediate_dim": inner,
        },
        handle=f"kaggle://keras/xlm_roberta/keras/{name}/2",
        parameters=parameters,
        licence="MIT",
        paper="https://arxiv.org/abs/1911.02116",
        origin="Facebook AI, converted by the Keras team",
        unverified=("handle",),
    )
    for name, (layers, heads, width, inner, parameters) in _ROWS.items()
}
