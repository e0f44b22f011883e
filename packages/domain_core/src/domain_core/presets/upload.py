"""Publishes a preset directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from domain_core.preset_errors import PresetCorruptError, PresetNotFoundError
from domain_core.presets.folder import LocalFolder
from domain_core.presets.open_preset import layout_of
from domain_core.presets.sources import source_of


def upload_preset(
    uri: str,
    preset: str | os.PathLike[str],
    allow_incomplete: bool = False,
    **options: Any,
) -> str:
    """Uploads a preset directory, after a look whether it would load.

    Args:
        uri: "kaggle://<user>/<model>/<framework>/<variation>", "hf://<user>/<model>" or
            "hf://<model>".
        preset: path of the directory that `save_to_preset` wrote.
        allow_incomplete: whether it may lack weights, or a tokenizer or image
            converter.
        **options: of the site, such as `private` for Hugging Face.

    Returns:
        The handle under which the preset now is, with its version.

    Raises:
        ValueError: if `uri` is no handle that takes uploads.
        PresetNotFoundError: if there is no such directory.
        PresetCorruptError: if it is no preset, or not a complete one.
        PresetError: the subclass that says why the site did not take it.
    """
    source = source_of(uri)
    directory = Path(preset).expanduser()
    if not directory.is_dir():
        raise PresetNotFoundError(
            f"Expected a preset directory at {str(preset)!r}; there is none. Save one "
            "with `save_to_preset` first."
        )
    layout = layout_of(LocalFolder(directory))
    missing = []
    if not allow_incomplete:
        layout.backbone(load_weights=False)
        if not layout.has_weights():
            missing.append("weights")
        parts = (
            layout.preprocessor,
            lambda: layout.tokenizer(object),
            layout.image_converter,
        )
        if all(part() is None for part in parts):
            missing.append("a tokenizer or image converter")
    if missing:
        raise PresetCorruptError(
            f"Expected {str(preset)!r} to hold {' and '.join(missing)}. Save the whole "
            "task, or pass allow_incomplete=True to upload it as it is."
        )
    return source.upload(uri, directory, **options)
