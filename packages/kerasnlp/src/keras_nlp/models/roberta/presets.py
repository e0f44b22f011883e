"""Published RoBERTa and XLM-RoBERTa weights: sizes and where they come from."""

from __future__ import annotations

from domain_core import Preset

_SIZES = ("num_layers", "num_heads", "hidden_dim", "intermediate_dim")
_BASE, _LARGE = (12, 12, 768, 3072), (24, 16, 1024, 4096)


def _presets(
    model: str, vocabulary: int, data: str, paper: str, rows: dict[str, tuple]
) -> dict[str, Preset]:
    return {
        name: Preset(
            description=f"{sizes[0]}-layer {model} trained on {data}.",
            config={
                "vocabulary_size": vocabulary,
                **dict(zip(_SIZES, sizes, strict=True)),
            },
            handle=f"kaggle://keras/{name.rsplit('_', 2)[0]}/keras/{name}/2",
            parameters=parameters,
            licence="MIT",
            paper=f"https://arxiv.org/abs/{paper}",
            origin="Facebook AI, converted by the Keras team",
            unverified=("handle",),
        )
        for name, (sizes, parameters) in rows.items()
    }


# Sizes and number of parameters.
ROBERTA = _presets(
    *("RoBERTa", 50265, "160 GB of English text", "1907.11692"),
    {
        "roberta_base_en": (_BASE, 124052736),
        "roberta_large_en": (_LARGE, 354307072),
    },
)
XLM_ROBERTA = _presets(
    *("XLM-RoBERTa", 250002, "text in 100 languages", "1911.02116"),
    {
        "xlm_roberta_base_multi": (_BASE, 277450752),
        "xlm_roberta_large_multi": (_LARGE, 558837760),
    },
)
