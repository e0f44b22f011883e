"""From the string a user gives to an opened preset."""

from __future__ import annotations

import os
from pathlib import Path

from domain_core.presets.declared import DeclaredLayout
from domain_core.presets.layout import Layout
from domain_core.presets.native import NativeLayout
from domain_core.presets.transformers import TransformersLayout
from domain_core.registry import find_preset


def open_preset(preset: str | os.PathLike[str]) -> Layout:
    """Opens a preset directory, or a declared preset by its name.

    Raises:
        ValueError: if there is no such preset, or its files are of no known layout.
    """
    if not isinstance(preset, str | os.PathLike):
        raise ValueError(
            "Expected a preset as a string (a name or the path of a directory), "
            f"received {preset!r} of type {type(preset).__name__}."
        )
    name = os.fspath(preset)
    if "://" in name:
        raise ValueError(
            f"Expected the path of a preset directory or a preset name, received "
            f"{name!r}. This version reads local directories: download the files with "
            "the client of that site and pass the folder."
        )
    directory = Path(name).expanduser()
    if directory.is_dir():
        return _layout_of(directory)
    return DeclaredLayout(name, *find_preset(name))


def _layout_of(directory: Path) -> Layout:
    for layout in (NativeLayout, TransformersLayout):
        if layout.recognizes(directory):
            return layout(directory)
    present = sorted(p.name for p in directory.iterdir())[:20]
    raise ValueError(
        "Expected a preset directory with 'manifest.json' (written by "
        "`save_to_preset`) or 'config.json' with a 'model_type' (Hugging Face); "
        f"{str(directory)!r} holds {present}. Check the path, or save the preset again."
    )
