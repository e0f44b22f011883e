"""Saves what a user hands over as a preset directory."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import keras

from domain_core.presets.disk import check_free_disk, whole_directory
from domain_core.presets.integrity import sign
from domain_core.presets.keras.writer import write_keras
from domain_core.presets.model_card import keep_card
from domain_core.presets.native.writer import write_native
from domain_core.presets.parts import (
    check_parts_fit,
    check_replaceable,
    keep_other_files,
    keep_other_parts,
    within_stored,
)
from domain_core.presets.transformers.writer import write_transformers
from domain_core.weights.tensor import Tensor

if TYPE_CHECKING:
    from domain_core.backbone import Backbone
    from domain_core.images.converter import ImageConverter
    from domain_core.preprocessor import Preprocessor
    from domain_core.task import Task
    from domain_core.tokenizers.tokenizer import Tokenizer

_WRITERS = {"native": write_native, "keras": write_keras}


def save_preset(
    preset_dir: str | os.PathLike[str],
    *,
    backbone: Backbone | None = None,
    task: Task | None = None,
    preprocessor: Preprocessor | Tokenizer | ImageConverter | None = None,
    overwrite: bool = False,
    layout: str = "native",
    max_shard_size: float = 10,
    sign_key: str | os.PathLike[str] | None = None,
) -> None:
    """Writes parts of a preset directory: aside first, then swapped in whole.

    What the directory holds beside these parts stays.

    Args:
        preset_dir: directory to make.
        backbone: a `Backbone`.
        task: a `Task`.
        preprocessor: a `Preprocessor` or a `Tokenizer`.
        overwrite: replace parts of the same kind.
        layout: "native", or "keras" for what KerasHub reads.
        max_shard_size: gigabytes above which weights are split over files.
        sign_key: path of a private key to sign the files with.

    Raises:
        ValueError: if the directory is no preset, or has such a part and `overwrite`
            is False; if parts do not fit each other, cannot be stored, or have weights
            that are not finite. What was there stays as it was then.
        PresetError: if there is no room.
    """
    if layout not in _WRITERS:
        raise ValueError(
            f"Expected `layout` to be one of {sorted(_WRITERS)}, received {layout!r}."
        )
    saved = {"backbone": backbone, "task": task, "preprocessor": preprocessor}
    parts = {part for part, value in saved.items() if value is not None}
    model = backbone if task is None else task
    with _parts_in(preset_dir, layout, parts, model, overwrite, sign_key) as directory:
        _WRITERS[layout](
            directory,
            backbone=backbone,
            task=task,
            preprocessor=within_stored(Path(preset_dir), preprocessor, layout),
            max_shard_bytes=int(max_shard_size * 10**9),
        )


def export_to_transformers(
    path: str | os.PathLike[str],
    *,
    backbone: Backbone,
    task: Task | None = None,
    tokenizer: Tokenizer | None = None,
    image_converter: ImageConverter | None = None,
    overwrite: bool = False,
    max_shard_size: float = 10,
) -> None:
    """Writes a directory as Hugging Face has it, in the way of `save_preset`.

    Args:
        path: directory to make.
        backbone: a `Backbone`.
        task: a `Task` on it, or None.
        tokenizer: a `Tokenizer`, or None.
        image_converter: an `ImageConverter`, or None.
        overwrite: replace parts of the same kind.
        max_shard_size: gigabytes above which weights are split over files.

    Raises:
        ValueError: as `save_preset` does, and if Hugging Face has no such model, or its
            config no place for an argument.
        PresetError: if there is no room.
    """
    parts = {"backbone"}
    if tokenizer is not None or image_converter is not None:
        parts.add("preprocessor")
    model = backbone if task is None else task
    with _parts_in(path, "transformers", parts, model, overwrite) as directory:
        write_transformers(
            directory,
            backbone=backbone,
            task=task,
            tokenizer=tokenizer,
            image_converter=image_converter,
            max_shard_bytes=int(max_shard_size * 10**9),
        )


@contextlib.contextmanager
def _parts_in(
    path: str | os.PathLike[str],
    layout: str,
    parts: Collection[str],
    model: keras.Model | None,
    overwrite: bool,
    sign_key: str | os.PathLike[str] | None = None,
) -> Iterator[Path]:
    """Yields a directory for parts of a preset, which then has the others too."""
    target = Path(path).expanduser()
    with whole_directory(target) as directory:
        stored = check_replaceable(target, layout, parts, overwrite)
        if model is not None:
            size = sum(Tensor.of(variable).size for variable in model.weights)
            check_free_disk(target, size, os.fspath(path))
        keep_card(target, directory)
        kept = keep_other_parts(stored, target, directory, parts)
        yield directory
        check_parts_fit(target, directory, kept, layout, os.fspath(path))
        keep_other_files(stored, target, directory)
        if sign_key is not None:
            sign(directory, sign_key)
