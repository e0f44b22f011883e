"""The tensors of a Hugging Face checkpoint, under the names of today."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property

import numpy as np

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.folder import Folder
from domain_core.presets.safetensors_reader import TensorFiles

WEIGHTS = "model.safetensors"
# Layer normalization's, in checkpoints that once came from TensorFlow.
_FORMER = {"gamma": "weight", "beta": "bias"}


class ForeignTensors(TensorFiles):
    """The tensors of a checkpoint; a context manager, see `TensorFiles`.

    Args:
        folder: the preset.

    Raises:
        PresetCorruptError: if a file is missing or no safetensors file, or a tensor is
            there under its name of today and its former one.
    """

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder, WEIGHTS)
        self._folder = folder

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        shapes = super().shapes()
        return {name: shapes[stored] for name, stored in self._stored.items()}

    def read(self, name: str) -> np.ndarray:
        return super().read(self._stored[name])

    @cached_property
    def _stored(self) -> dict[str, str]:
        """The name in the file by that of today."""
        names: dict[str, str] = {}
        for stored in super().shapes():
            name = re.sub(
                r"(?<=\.)(gamma|beta)$", lambda found: _FORMER[found[0]], stored
            )
            if name in names:
                raise PresetCorruptError(
                    f"Expected one tensor for {name!r} in the preset "
                    f"{self._folder.label!r}, received {names[name]!r} and {stored!r}. "
                    "Remove one of them."
                )
            names[name] = stored
        return names
