"""Tables of the presets of decoders: sizes, and what their names say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core import Preset
from domain_core.presets.config_map import Config

_SIZES = (
    *("vocabulary_size", "num_layers", "num_query_heads", "num_key_value_heads"),
    *("hidden_dim", "intermediate_dim"),
)
# What parts of names mean.
_KINDS = {
    "vicuna": "tuned on conversations",
    "magistral": "a reasoner",
    "coder": "for code",
    "math": "for mathematics",
    "embedding": "for embeddings",
    "guard": "a judge of conversations",
    "instruct": "instructed",
}


def sizes(*values: int, **more: Any) -> Config:
    """Returns the config of a preset: vocabulary, layers, both heads, both widths."""
    return {**dict(zip(_SIZES, values, strict=True)), **more}


def presets(
    config: Config,
    parameters: int,
    place: str,
    descriptions: Mapping[str, str],
    *,
    licence: str,
    origin: str,
    paper: str,
) -> dict[str, Preset]:
    """Returns presets of one size that the Keras team converted.

    Args:
        config: arguments of the backbone.
        parameters: number of them.
        place: folder and version on Kaggle.
        descriptions: of each, by name.
        licence: SPDX name.
        origin: who trained them.
        paper: its number on arXiv.
    """
    folder, version = place.split("/")
    return {
        name: Preset(
            description=f"{description}.",
            config=config,
            handle=f"kaggle://keras/{folder}/keras/{name}/{version}",
            parameters=parameters,
            licence=licence,
            paper=f"https://arxiv.org/abs/{paper}",
            origin=f"{origin}, converted by the Keras team",
            unverified=("handle", "config"),
        )
        for name, description in descriptions.items()
    }


def preset_table(
    model: str, source: tuple[str, str, str], *rows: tuple[str, Config, int, str]
) -> dict[str, Preset]:
    """Returns presets of several sizes, described by what their names say.

    Args:
        model: name of the family.
        source: SPDX name of the licence, who trained them, and number of the paper on
            arXiv.
        *rows: names, config, number of parameters, and place on Kaggle, which a licence
            of their own may follow.
    """
    licence, origin, paper = source
    found: dict[str, Preset] = {}
    for names, config, parameters, place in rows:
        place, _, own = place.partition(" ")
        usual = f"{model} with {parameters / 1e9:.1f} billion parameters"
        kinds = {
            name: [kind for word, kind in _KINDS.items() if word in name]
            for name in names.split()
        }
        found |= presets(
            *(config, parameters, place),
            {name: ", ".join([usual, *kind]) for name, kind in kinds.items()},
            licence=own or licence,
            origin=origin,
            paper=paper,
        )
    return found
