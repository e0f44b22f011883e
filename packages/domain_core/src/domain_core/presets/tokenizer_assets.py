"""The files of a tokenizer inside a preset: vocabularies, merges, models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.folder import Folder

if TYPE_CHECKING:
    from domain_core.tokenizers.tokenizer import Tokenizer

# Twice the largest that is published; reading it takes several times that in memory.
_MAX_ASSET_BYTES = 64 * 2**20


def save_assets(tokenizer: Tokenizer, directory: Path) -> None:
    """Writes the files of a tokenizer into a new directory, if it has any."""
    directory.mkdir(parents=True)
    tokenizer.save_assets(str(directory))
    if not any(directory.iterdir()):
        directory.rmdir()


def load_assets(tokenizer: Tokenizer, folder: Folder, prefix: str) -> None:
    """Reads the files of a tokenizer, which must be there if it says it has some.

    Args:
        tokenizer: a `Tokenizer`.
        folder: the preset.
        prefix: the folder in it.

    Raises:
        PresetCorruptError: if they are missing, or one is too large.
    """
    names = [name for name in folder.sizes() if name.startswith(f"{prefix}/")]
    for name in names:
        check_asset(folder, name)
    if names or tokenizer.file_assets:
        tokenizer.load_assets(folder.directory(prefix))


def check_asset(folder: Folder, name: str) -> None:
    """Raises PresetCorruptError if a tokenizer's file is too large to be one."""
    size = folder.sizes().get(name, 0)
    if size > _MAX_ASSET_BYTES:
        raise PresetCorruptError(
            f"Expected {name!r:.200} of the preset {folder.label!r} to have at most "
            f"{_MAX_ASSET_BYTES} bytes, received {size}. No tokenizer is that large."
        )
