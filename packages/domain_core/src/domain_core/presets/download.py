"""Brings a preset to a directory, for a computer without internet."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from domain_core.preset_errors import PresetError
from domain_core.presets.disk import check_free_disk, whole_directory
from domain_core.presets.folder import LocalFolder
from domain_core.presets.integrity import drop_damaged
from domain_core.presets.open_preset import layout_of, open_folder
from domain_core.presets.parts import PARTS, check_replaceable

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

    Files of formats that this library never reads (`.bin`, `.onnx`, ...) are left out;
    what was damaged in a cache since an earlier download is fetched again.

    Args:
        preset: a name, a handle, or the path of a directory.
        directory: where to put the files; complete or as it was before.
        overwrite: whether to replace a preset, and what lies in its directory.

    Returns:
        The path of the directory.

    Raises:
        ValueError: if the directory is no preset, or is one and `overwrite` is False.
        PresetError: the subclass that says why the preset can't be fetched.
    """
    target = Path(directory).expanduser()
    folder = open_folder(preset)
    if drop_damaged(folder):
        folder = open_folder(preset)
    layout_of(folder)  # says so early if this is no preset
    sizes = {name: size for name, size in folder.sizes().items() if _is_read(name)}
    check_free_disk(target, sum(sizes.values()), folder.label)
    with whole_directory(target) as place:
        check_replaceable(target, "any", PARTS, overwrite)
        for name in sizes:
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(folder.path(name), path)
        layout_of(LocalFolder(place, folder.label))
        if isinstance(folder, LocalFolder) and folder.is_replaced():
            raise PresetError(
                f"Expected the preset {folder.label!r} to stay as it is while it is "
                "copied; it was saved again meanwhile. Copy it again."
            )
    return target


def _is_read(name: str) -> bool:
    lower = name.lower()
    if lower.endswith(".h5"):
        return lower.endswith(".weights.h5")
    return not lower.endswith(_NEVER_READ)
