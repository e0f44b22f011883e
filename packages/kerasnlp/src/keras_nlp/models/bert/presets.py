"""Published BERT weights: sizes and where they come from."""

from __future__ import annotations

from typing import Any

from domain_core import Preset

_ENGLISH = "English Wikipedia and BooksCorpus"


def _preset(
    name: str,
    parameters: int,
    sizes: tuple[int, int, int, int],
    vocabulary_size: int,
    data: str,
    *,
    lowercase: bool = False,
    version: int = 3,
    **more: Any,
) -> tuple[str, Preset]:
    layers, heads, width, intermediate = sizes
    case = "lowercased" if lowercase else "cased"
    preset = Preset(
        description=f"{layers}-layer BERT, {case} text, trained on {data}.",
        config={
            "vocabulary_size": vocabulary_size,
            "num_layers": layers,
            "num_heads": heads,
            "hidden_dim": width,
            "intermediate_dim": intermediate,
            "dropout": 0.1,
            "max_sequence_length": 512,
            "num_segments": 2,
        },
        handle=f"kaggle://keras/bert/keras/{name}/{version}",
        parameters=parameters,
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/1810.04805",
        origin="Google, converted by the Keras team",
        tokenizer={"lowercase": lowercase},
        **more,
    )
    return name, preset


_TINY, _SMALL, _MEDIUM = (2, 2, 128, 512), (4, 8, 512, 2048), (8, 8, 512, 2048)
_BASE, _LARGE = (12, 12, 768, 3072), (24, 16, 1024, 4096)
_LOWER: dict[str, Any] = {"lowercase": True}

PRESETS = dict(
    [
        _preset("bert_tiny_en_uncased", 4385920, _TINY, 30522, _ENGLISH, **_LOWER),
        _preset("bert_small_en_uncased", 28763648, _SMALL, 30522, _ENGLISH, **_LOWER),
        _preset("bert_medium_en_uncased", 41373184, _MEDIUM, 30522, _ENGLISH, **_LOWER),
        _preset("bert_base_en_uncased", 109482240, _BASE, 30522, _ENGLISH, **_LOWER),
        _preset("bert_base_en", 108310272, _BASE, 28996, _ENGLISH),
        _preset("bert_base_zh", 102267648, _BASE, 21128, "Chinese Wikipedia"),
        _preset("bert_base_multi", 177853440, _BASE, 119547, "104 Wikipedias"),
        _preset("bert_large_en_uncased", 335141888, _LARGE, 30522, _ENGLISH, **_LOWER),
        _preset("bert_large_en", 333579264, _LARGE, 28996, _ENGLISH),
        _preset(
            "bert_tiny_en_uncased_sst2",
            4385920,
            _TINY,
            30522,
            f"{_ENGLISH}, fine-tuned on SST-2 (2 sentiments)",
            lowercase=True,
            version=5,
            task="kerasnlp>BertClassifier",
            task_config={"num_classes": 2},
        ),
    ]
)
