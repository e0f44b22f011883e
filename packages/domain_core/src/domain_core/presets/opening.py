"""From what a user asked for to an opened preset."""

from __future__ import annotations

import os
from pathlib import Path

from domain_core.preset_errors import PresetCorruptError, PresetNotFoundError
from domain_core.presets.declared import DeclaredLayout
from domain_core.presets.folder import Folder, LocalFolder
from domain_core.presets.layout import Layout
from domain_core.presets.native import NativeLayout
from domain_core.presets.sources import scheme_of, source_of
from domain_core.presets.transformers import TransformersLayout
from domain_core.registry import find_preset

_LAYOUTS = (NativeLayout, TransformersLayout)


def open_preset(preset: str | os.PathLike[str], *, with_files: bool = True) -> Layout:
    """Opens a preset by its name, its handle, or the path of its directory.

    Args:
        preset: what the user asked for.
        with_files: whether a declared preset may fetch files; else its declaration
            has to do.

    Raises:
        ValueError: if it is no such thing.
        PresetError: the subclass that says why it can't be opened.
    """
    if not isinstance(preset, str | os.PathLike):
        raise ValueError(
            "Expected a preset as a string (a name, a handle or the path of a "
            f"directory), received {preset!r} of type {type(preset).__name__}."
        )
    name = os.fspath(preset)
    if scheme_of(name):
        return layout_of(source_of(name).open(name))
    directory = Path(name).expanduser()
    if directory.is_dir():
        return layout_of(LocalFolder(directory, name))
    if isinstance(preset, os.PathLike) or name.startswith((".", "~", "/", os.sep)):
        raise PresetNotFoundError(
            f"Expected a preset directory at {name!r}; there is none. Check the path."
        )
    return DeclaredLayout(name, *find_preset(name), open_preset if with_files else None)


def layout_of(folder: Folder) -> Layout:
    """Returns the files of a preset behind what loading asks of them.

    Raises:
        PresetCorruptError: if they are of no known layout.
    """
    for layout in _LAYOUTS:
        if layout.recognizes(folder):
            return layout(folder)
    raise PresetCorruptError(
        "Expected a preset with 'manifest.json' (written by `save_to_preset`) or "
        "'config.json' with a 'model_type' (Hugging Face); "
        f"{folder.label!r} holds {sorted(folder.sizes())[:20]}. Check the path, or "
        "save the preset again."
    )
