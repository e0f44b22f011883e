"""The weights in safetensors files, one tensor in memory at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.folder import Folder
from domain_core.presets.json_files import json_value, read_json

_MAX_INDEX_BYTES = 25 * 10**6


class TensorFiles:
    """The tensors of one or several safetensors files, read one at a time.

    Args:
        folder: the preset.
        name: file name; where it is missing, `name + ".index.json"` lists shards.

    Raises:
        PresetCorruptError: if a file is missing or no safetensors file.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self._label = folder.label
        names = [name]
        index = f"{name}.index.json"
        if index in folder and name not in folder:
            data = read_json(folder, index, _MAX_INDEX_BYTES)
            shards = json_value(data, "weight_map", dict, index, folder)
            names = sorted({str(shard) for shard in shards.values()})
        self._paths = [folder.require(shard) for shard in names]
        self._files: list[Any] = []
        self._owner: dict[str, Any] = {}

    def __enter__(self) -> Self:
        from safetensors import SafetensorError, safe_open

        for path in self._paths:
            try:
                file = safe_open(str(path), framework="numpy")
            except SafetensorError as error:
                raise PresetCorruptError(
                    f"Expected a safetensors file {path.name!r} in the preset "
                    f"{self._label!r}: {error}. Save or download the preset again."
                ) from error
            self._files.append(file.__enter__())
            self._owner.update(dict.fromkeys(file.keys(), self._files[-1]))
        return self

    def __exit__(self, *error: Any) -> None:
        for file in self._files:
            file.__exit__(*error)

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Returns the shape of every tensor, without reading it."""
        return {
            name: tuple(file.get_slice(name).get_shape())
            for name, file in self._owner.items()
        }

    def read(self, name: str) -> np.ndarray:
        """Returns one tensor as a NumPy array."""
        return self._owner[name].get_tensor(name)
