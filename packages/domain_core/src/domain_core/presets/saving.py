"""Saves what a user hands over as a preset directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from domain_core.presets.disk import whole_directory
from domain_core.presets.integrity import sign
from domain_core.presets.keras.writer import write_keras
from domain_core.presets.model_card import keep_card
from domain_core.presets.native.writer import write_native

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
    """Writes a preset directory: aside first, then swapped in whole.

    Args:
        preset_dir: directory to make.
        backbone: a `Backbone`.
        task: a `Task`.
        preprocessor: a `Preprocessor` or a `Tokenizer`.
        overwrite: replace what is there.
        layout: "native", or "keras" for what KerasHub reads.
        max_shard_size: gigabytes above which weights are split over files.
        sign_key: path of a private key to sign the files with.

    Raises:
        ValueError: if the directory holds something and `overwrite` is False, or the
            preprocessor cannot be stored. What was there stays as it was then.
    """
    if layout not in _WRITERS:
        raise ValueError(
            f"Expected `layout` to be one of {sorted(_WRITERS)}, received {layout!r}."
        )
    target = Path(preset_dir).expanduser()
    with whole_directory(target, overwrite) as directory:
        keep_card(target, directory)
        _WRITERS[layout](
            directory,
            backbone=backbone,
            task=task,
            preprocessor=preprocessor,
            max_shard_bytes=int(max_shard_size * 10**9),
        )
        if sign_key is not None:
            sign(directory, sign_key)
