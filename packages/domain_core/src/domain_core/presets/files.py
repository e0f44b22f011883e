"""Reading the files of a preset, and saying clearly what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

_MAX_JSON_BYTES = 64 * 2**20


def require(directory: Path, name: str) -> Path:
    """Returns the path of a file of a preset.

    Raises:
        ValueError: if it is not there.
    """
    path = directory / name
    if not path.is_file():
        present = sorted(p.name for p in directory.iterdir())[:20]
        raise ValueError(
            f"Expected the preset directory {str(directory)!r} to hold {name!r}; it "
            f"holds {present}. Save or download the preset again, completely."
        )
    return path


def read_json(directory: Path, name: str) -> dict[str, Any]:
    """Returns the object in a JSON file of a preset.

    Raises:
        ValueError: if the file is missing, too large, or no JSON object.
    """
    path = require(directory, name)
    if path.stat().st_size > _MAX_JSON_BYTES:
        raise ValueError(
            f"Expected {str(path)!r} to be at most {_MAX_JSON_BYTES} bytes, received "
            f"{path.stat().st_size}. This is not a config file."
        )
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"Expected JSON in {str(path)!r}: {error}. Save or download the preset "
            "again."
        ) from error
    if not isinstance(value, dict):
        raise ValueError(
            f"Expected a JSON object in {str(path)!r}, received a "
            f"{type(value).__name__}."
        )
    return value


class TensorFiles:
    """The tensors of one or several safetensors files, read one at a time.

    Args:
        directory: the preset's directory.
        name: file name; where it is missing, `name + ".index.json"` lists shards.
    """

    def __init__(self, directory: Path, name: str) -> None:
        index = directory / f"{name}.index.json"
        if index.is_file() and not (directory / name).is_file():
            weight_map = read_json(directory, index.name)["weight_map"]
            names = sorted(set(weight_map.values()))
            if any(Path(shard).name != shard for shard in names):
                raise ValueError(
                    f"Expected plain file names in {str(index)!r}, received {names}."
                )
        else:
            names = [name]
        self._paths = [require(directory, shard) for shard in names]
        self._files: list[Any] = []
        self._owner: dict[str, Any] = {}

    def __enter__(self) -> Self:
        from safetensors import SafetensorError, safe_open

        for path in self._paths:
            try:
                file = safe_open(str(path), framework="numpy")
            except SafetensorError as error:
                raise ValueError(
                    f"Expected a safetensors file at {str(path)!r}: {error}. Save or "
                    "download the preset again."
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
