"""Published BART weights: sizes and where they come from."""

from __future__ import annotations

from domain_core import Preset

_BOOKS = "160 GB of English text"
_NEWS = f"{_BOOKS}, then on summaries of news of CNN and the Daily Mail"

PRESETS = {
    f"bart_{name}": Preset(
        description=f"BART of {layers} + {layers} layers trained on {data}.",
        config={
            "vocabulary_size": vocabulary,
            "num_layers": layers,
            "num_heads": width // 64,
            "hidden_dim": width,
            "intermediate_dim": 4 * width,
        },
        handle=f"kaggle://keras/bart/keras/bart_{name}/3",
        parameters=parameters,
        licence="MIT",
        paper="https://arxiv.org/abs/1910.13461",
        origin="Facebook AI, converted by the Keras team",
        unverified=("handle",),
    )
    for name, layers, width, vocabulary, parameters, data in (
        ("base_en", 6, 768, 50265, 139417344, _BOOKS),
        ("large_en", 12, 1024, 50265, 406287360, _BOOKS),
        ("large_en_cnn", 12, 1024, 50264, 406286336, _NEWS),
    )
}
