"""What loading asks of a preset, whatever its layout."""

from __future__ import annotations

import abc
from collections.abc import Collection
from pathlib import Path
from typing import Any

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.folder import Folder

# Twice the largest that is published; reading it takes several times that in memory.
_MAX_ASSET_BYTES = 64 * 2**20


class Layout(abc.ABC):
    """One preset, opened. Subclasses write all methods."""

    @abc.abstractmethod
    def backbone(self, load_weights: bool) -> tuple[type, dict[str, Any]]:
        """Returns the class of the backbone and its constructor arguments.

        Args:
            load_weights: whether weights will be loaded; else their file is not to be
                asked for anything.
        """

    @abc.abstractmethod
    def has_weights(self) -> bool:
        """Returns whether it comes with weights, here or at its handle."""

    @abc.abstractmethod
    def weight_shapes(self, head: bool) -> Collection[tuple[int, ...]] | None:
        """Returns the shapes in the file of the weights, without reading them.

        Args:
            head: of the weights outside the backbone, rather than of the backbone.
        """

    @abc.abstractmethod
    def assign_backbone(self, backbone: Any) -> None:
        """Writes every weight of a backbone."""

    @abc.abstractmethod
    def task(self) -> tuple[type, dict[str, Any]] | None:
        """Returns the class and arguments of a task with a trained head, or None."""

    @abc.abstractmethod
    def assign_head(self, task: Any) -> None:
        """Writes every weight outside the backbone."""

    @abc.abstractmethod
    def tokenizer(self, cls: type, **kwargs: Any) -> Any:
        """Returns the tokenizer, or None where the preset has none.

        Args:
            cls: class that the tokenizer must have.
            **kwargs: constructor arguments that override the preset's.
        """

    @abc.abstractmethod
    def image_converter(self) -> Any:
        """Returns the image converter, or None where the preset has none."""

    @abc.abstractmethod
    def preprocessor(self) -> Any:
        """Returns the stored preprocessor, or None."""

    @abc.abstractmethod
    def generation_config(self) -> dict[str, Any] | None:
        """Returns how to generate with the backbone, or None if nothing is said."""


def save_assets(tokenizer: Any, directory: Path) -> None:
    """Writes the files of a tokenizer into a new directory, if it has any."""
    directory.mkdir(parents=True)
    tokenizer.save_assets(str(directory))
    if not any(directory.iterdir()):
        directory.rmdir()


def load_assets(tokenizer: Any, folder: Folder, prefix: str) -> None:
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
