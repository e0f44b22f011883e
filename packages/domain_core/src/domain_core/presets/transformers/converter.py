"""How a family reads, and writes, a foreign layout."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from domain_core.presets.folder import Folder
from domain_core.weights.weight_map import WeightMap


@dataclasses.dataclass(frozen=True)
class Head:
    """A trained head in a foreign checkpoint.

    Args:
        task: name of our task class.
        config: foreign config to constructor arguments of the task.
        weights: map of the tensors outside the backbone.
        untied: the map where "tie_word_embeddings" is false; None if it says nothing.
        to_config: the inverse of `config`, which may leave out what it cannot write:
            export compares what comes back. None if this head is only read.
        mistaken_for: foreign architectures whose heads have tensors of the same names,
            and mean something else by them.
        written_for: names of subclasses of the task that are the same model, with
            another way to call it.
    """

    task: str
    config: Callable[[Mapping[str, Any]], dict[str, Any]]
    weights: WeightMap
    to_config: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    untied: WeightMap | None = None
    mistaken_for: tuple[str, ...] = ()
    written_for: tuple[str, ...] = ()

    def weights_of(self, is_tied: bool) -> WeightMap:
        """Returns the map, given whether the output repeats the token embedding."""
        return self.weights if is_tied or self.untied is None else self.untied


@dataclasses.dataclass(frozen=True)
class Converter:
    """A family's side of a foreign layout.

    Args:
        layout: "transformers" or "keras".
        model_type: how the foreign config names the family.
        config: foreign config and the names of the tensors at hand (None if no weights
            will be loaded) to constructor arguments of our backbone; raises ValueError
            on a value it can't express.
        unknown: returns the keys of a foreign config of which the family knows
            nothing; None to look for none.
        weights: map of the backbone's tensors.
        tokenizer_cls: our tokenizer's class; None for models without text.
        tokenizer: the preset's files to constructor arguments of the tokenizer.
        heads: trained heads by the foreign name of the architecture.
        to_config: the inverse of `config`, which may leave out what it cannot write:
            export compares what comes back. An argument that is None stands for what
            others say. None if this family is only read.
        write_tokenizer: the inverse of `tokenizer`: writes the files of one into a
            directory, given also how many tokens the model takes at most, or None.
        accepts: whether a folder, with its config, is for this class, where one of
            theirs stands for several of ours; `variant` then tells them apart. None
            for any.
        variant: see `accepts`.
        writes: whether a backbone with these arguments is written as theirs, where
            several of theirs are one of our classes. None for any.
    """

    layout: str
    model_type: str
    config: Callable[[Mapping[str, Any], Collection[str] | None], dict[str, Any]]
    weights: WeightMap
    tokenizer_cls: type | None = None
    tokenizer: Callable[[Folder], dict[str, Any]] | None = None
    heads: Mapping[str, Head] = dataclasses.field(default_factory=dict)
    unknown: Callable[[Mapping[str, Any]], list[str]] | None = None
    to_config: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    write_tokenizer: Callable[[Any, Path, int | None], None] | None = None
    accepts: Callable[[Mapping[str, Any], Folder], bool] | None = None
    variant: str = ""
    writes: Callable[[Mapping[str, Any]], bool] | None = None
