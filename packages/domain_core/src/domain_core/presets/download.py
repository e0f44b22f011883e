"""Brings a preset to a directory, for a computer without internet."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from domain_core.preset_errors import PresetNotFoundError
from domain_core.presets.disk import check_free_disk, whole_directory
from domain_core.presets.folder import Folder, LocalFolder
from domain_core.presets.opening import layout_of
from domain_core.presets.sources import scheme_of, source_of
from domain_core.registry import find_preset

# Formats that other programs read and we never do; repositories on Hugging Face often
# hold the same weights in several of them.
_NEVER_READ = (
    ".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".msgpack", ".onnx", ".ot",
    ".gguf", ".tflite", ".pb", ".mlmodel", ".keras",
)  # fmt: skip


def download(
    preset: str | os.PathLike[str],
    directory: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> Path:
    """Copies all files of a preset into a directory that `from_preset` then loads.

    Files of formats that this library never reads (`.bin`, `.onnx`, ...) are left out.

    Args:
        preset: a name, a handle, or the path of a directory.
        directory: where to put the files; complete or as it was before.
        overwrite: whether to replace a directory that holds something.

    Returns:
        The path of the directory.

    Raises:
        ValueError: if the directory holds something and `overwrite` is False.
        PresetError: the subclass that says why the preset can't be fetched.
    """
    target = Path(directory).expanduser()
    folder = folder_of(preset)
    layout_of(folder)  # says so early if this is no preset
    sizes = {name: size for name, size in folder.sizes().items() if _is_read(name)}
    check_free_disk(target, sum(sizes.values()), folder.label)
    with whole_directory(target, overwrite) as place:
        for name in sizes:
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder.path(name), path)
        layout_of(LocalFolder(place, folder.label))
    return target


def folder_of(preset: str | os.PathLike[str]) -> Folder:
    """Returns the files of a preset, given its name, its handle or its path.

    Raises:
        PresetNotFoundError: if there is no such preset, or it has no files.
        PresetError: the subclass that says why it can't be opened.
    """
    name = os.fspath(preset)
    if scheme_of(name):
        return source_of(name).open(name)
    path = Path(name).expanduser()
    if path.is_dir():
        return LocalFolder(path, name)
    handle = find_preset(name)[1].handle
    if handle is None:
        raise PresetNotFoundError(
            f"Expected a preset with files; {name!r} is an architecture without "
            "published weights. It needs no download."
        )
    return folder_of(handle)


def _is_read(name: str) -> bool:
    lower = name.lower()
    if lower.endswith(".h5"):
        return lower.endswith(".weights.h5")
    return not lower.endswith(_NEVER_READ)
