"""Reading weights from safetensors files, one tensor in memory at a time.

The `safetensors` package checks the header. Bytes are then read, not mapped: pages of
a mapped file count as memory of the process, beside the tensors made from them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import ml_dtypes
import numpy as np

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.folder import Folder
from domain_core.presets.json_files import json_value, read_json

_MAX_INDEX_BYTES = 25 * 10**6
# Enough for 50,000 tensors in a file; half a million take seconds and a gigabyte.
_MAX_HEADER_BYTES = 5 * 10**6
_DTYPES = {
    "BOOL": np.dtype(bool),
    "U8": np.dtype(np.uint8),
    "I8": np.dtype(np.int8),
    "U16": np.dtype(np.uint16),
    "I16": np.dtype(np.int16),
    "F16": np.dtype(np.float16),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "U32": np.dtype(np.uint32),
    "I32": np.dtype(np.int32),
    "F32": np.dtype(np.float32),
    "U64": np.dtype(np.uint64),
    "I64": np.dtype(np.int64),
    "F64": np.dtype(np.float64),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
}


class _Place(NamedTuple):
    """Where a tensor is."""

    file: BinaryIO
    offset: int
    shape: tuple[int, ...]
    code: str


class TensorFiles:
    """The tensors of one or several safetensors files.

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
        self._files: list[BinaryIO] = []
        self._places: dict[str, _Place] = {}

    def __enter__(self) -> Self:
        for path in self._paths:
            file = path.open("rb", buffering=0)
            self._files.append(file)
            self._places |= self._places_in(path, file)
        return self

    def __exit__(self, *error: Any) -> None:
        for file in self._files:
            file.close()

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Returns the shape of every tensor, without reading it."""
        return {name: place.shape for name, place in self._places.items()}

    def read(self, name: str) -> np.ndarray:
        """Returns one tensor as a NumPy array of its own."""
        place = self._places[name]
        if place.code not in _DTYPES:
            raise PresetCorruptError(
                f"Expected {name!r} in the preset {self._label!r} to be of one of the "
                f"types {sorted(_DTYPES)}, received {place.code!r}."
            )
        array = np.empty(place.shape, _DTYPES[place.code])
        view = memoryview(array.reshape(-1).view(np.uint8))
        place.file.seek(place.offset)
        done = 0
        while done < len(view):  # one call moves 2 GiB at most
            received = place.file.readinto(view[done:])  # type: ignore[attr-defined]
            if not received:
                raise PresetCorruptError(
                    f"Expected the file with {name!r} of the preset {self._label!r} "
                    "to stay as it is; it was cut while it was read. Load it again."
                )
            done += received
        return array

    def _places_in(self, path: Path, file: BinaryIO) -> dict[str, _Place]:
        from safetensors import SafetensorError, safe_open

        length = int.from_bytes(file.read(8), "little")
        if length > _MAX_HEADER_BYTES:
            raise self._corrupt(path, f"its header has {length} bytes")
        try:
            with safe_open(str(path), framework="numpy"):
                header = json.loads(file.read(length))
        except (SafetensorError, OSError, ValueError) as error:
            raise self._corrupt(path, str(error)) from error
        return {
            name: _Place(
                file,
                8 + length + entry["data_offsets"][0],
                tuple(entry["shape"]),
                entry["dtype"],
            )
            for name, entry in header.items()
            if name != "__metadata__"
        }

    def _corrupt(self, path: Path, why: str) -> PresetCorruptError:
        return PresetCorruptError(
            f"Expected a safetensors file {path.name!r} in the preset {self._label!r}: "
            f"{why}. Save or download the preset again."
        )
