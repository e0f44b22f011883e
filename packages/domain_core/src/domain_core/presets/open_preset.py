"""From what a user asked for to an opened preset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from domain_core.preset_errors import PresetCorruptError, PresetNotFoundError
from domain_core.presets.declared_preset import DeclaredLayout
from domain_core.presets.disk import surviving
from domain_core.presets.folder import Folder, LocalFolder, refuse_unsafe_weights
from domain_core.presets.integrity import check_folder, signature_is_required
from domain_core.presets.keras.reader import KerasLayout
from domain_core.presets.layout import Layout
from domain_core.presets.native.reader import NativeLayout
from domain_core.presets.sources import scheme_of, source_of
from domain_core.presets.transformers.reader import TransformersLayout
from domain_core.registry import find_preset

_LAYOUTS = (NativeLayout, KerasLayout, TransformersLayout)


def open_preset(
    preset: str | os.PathLike[str],
    *,
    with_files: bool = True,
    verify: bool = False,
    verify_key: str | os.PathLike[str] | None = None,
) -> Layout:
    """Opens a preset by its name, its handle, or the path of its directory.

    Args:
        preset: what the user asked for.
        with_files: whether a declared preset may fetch files; else its declaration
            has to do.
        verify: whether to compare every file with the manifest first.
        verify_key: public key that must have signed the files; None for any or none.

    Raises:
        ValueError: if it is no such thing.
        PresetError: the subclass that says why it can't be opened.
    """

    def opened(files: str | os.PathLike[str]) -> Layout:
        folder = open_folder(files)
        if verify or verify_key is not None or signature_is_required():
            check_folder(folder, verify_key)
        return layout_of(folder)

    name = _name_of(preset)
    if scheme_of(name) or _is_path(preset):
        return opened(preset)
    return DeclaredLayout(name, *find_preset(name), opened if with_files else None)


def open_folder(preset: str | os.PathLike[str]) -> Folder:
    """Returns the files of a preset, by its name, its handle or its directory.

    Raises:
        ValueError: if it is no such thing.
        PresetError: the subclass that says why it can't be opened.
    """
    name = _name_of(preset)
    if scheme_of(name):
        return source_of(name).open(name)
    if not _is_path(preset):
        handle = find_preset(name)[1].handle
        if handle is None:
            raise PresetNotFoundError(
                f"Expected a preset with files; {name!r} is an architecture without "
                "published weights."
            )
        return open_folder(handle)
    directory = surviving(Path(name).expanduser())
    if os.path.isfile(directory):
        raise PresetNotFoundError(
            f"Expected a preset directory at {name!r}; that is a file. Pass the "
            "directory it lies in, or unpack it first if it is an archive."
        )
    if not os.path.isdir(directory):
        raise PresetNotFoundError(
            f"Expected a preset directory at {name!r}; there is none. Check the path."
        )
    return LocalFolder(directory, name)


def _name_of(preset: Any) -> str:
    if not isinstance(preset, str | os.PathLike):
        raise ValueError(
            "Expected a preset as a string (a name, a handle or the path of a "
            f"directory), received {preset!r} of type {type(preset).__name__}."
        )
    return os.fspath(preset)


def _is_path(preset: str | os.PathLike[str]) -> bool:
    """Whether a preset that is no handle is a path rather than a name."""
    if isinstance(preset, os.PathLike) or preset.startswith((".", "~", "/", os.sep)):
        return True
    return os.path.isdir(surviving(Path(preset)))


def layout_of(folder: Folder) -> Layout:
    """Returns the files of a preset behind what loading asks of them.

    Raises:
        PresetCorruptError: if they are of no known layout.
        PresetUnsafeError: if they are of a layout that is refused.
    """
    for layout in _LAYOUTS:
        if layout.recognizes(folder):
            return layout(folder)
    refuse_unsafe_weights(folder)
    raise PresetCorruptError(
        "Expected a preset with 'manifest.json' (written by `save_to_preset`), or "
        "'config.json' with a 'model_type' (Hugging Face) or a 'registered_name' "
        "(KerasNLP, KerasCV, KerasHub); "
        f"{folder.label!r} holds {sorted(folder.sizes())[:20]}. Check the path, or "
        "save the preset again."
    )
