"""What a family declares about each set of weights it knows."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Preset:
    """One named architecture, and where its weights are.

    Args:
        description: one sentence on what the weights were trained on.
        config: constructor arguments of the backbone: enough to build it with
            `load_weights=False` and no network.
        handle: where the weights are, with a version, so that a preset never changes
            under a user; None if there are none.
        parameters: number of parameters of the backbone.
        licence: SPDX name of the weights' licence.
        paper: address of the paper.
        origin: who published the weights.
        tokenizer: constructor arguments of the tokenizer, without the vocabulary.
        image_converter: constructor arguments of the `ImageConverter` that makes this
            model's inputs; None for models without images.
        task: name of the task class, for a preset with a trained head.
        task_config: constructor arguments of that task; objects among them, such as
            the parts of a composite model, as JSON: `{"class": "kerascv>X", "config":
            {...}}`.
        unverified: names of fields, of this class or of the config, that were not
            checked against what is published.
    """

    description: str
    config: Mapping[str, Any]
    handle: str | None
    parameters: int
    licence: str
    paper: str
    origin: str
    tokenizer: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    image_converter: Mapping[str, Any] | None = None
    task: str | None = None
    task_config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    unverified: tuple[str, ...] = ()
