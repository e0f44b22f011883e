"""Published DistilBERT weights: sizes and where they come from."""

from __future__ import annotations

from domain_core import Preset

# Vocabulary, parameters, data.
_ROWS = {
    "distil_bert_base_en_uncased": (30522, 66362880, "English Wikipedia and books"),
    "distil_bert_base_en": (28996, 65190912, "English Wikipedia and books"),
    "distil_bert_base_multi": (119547, 134734080, "Wikipedias in 104 languages"),
}

PRESETS = {
    name: Preset(
        description=f"6-layer DistilBERT trained on {data}.",
        config={
            "vocabulary_size": vocabulary_size,
            "num_layers": 6,
            "num_heads": 12,
            "hidden_dim": 768,
            "intermediate_dim": 3072,
        },
        handle=f"kaggle://keras/distil_bert/keras/{name}/2",
        parameters=parameters,
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/1910.01108",
        origin="Hugging Face, converted by the Keras team",
        tokenizer={"lowercase": name.endswith("uncased")},
        unverified=("handle",),
    )
    for name, (vocabulary_size, parameters, data) in _ROWS.items()
}
