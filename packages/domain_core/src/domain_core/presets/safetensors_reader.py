"""Reading weights from safetensors files, one tensor in memory at a time.

The `safetensors` package checks the header. Bytes are then read, not mapped: pages of
a mapped file count as memory of the process, beside the tensors made from them.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

import numpy as np

from domain_core.arrays.aligned import aligned_array
from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.folder import Folder
from domain_core.presets.json_files import json_value, read_json
from domain_core.presets.safetensors_writer import CODES

_MAX_INDEX_BYTES = 25 * 10**6
# Enough for 50,000 tensors in a file; half a million take seconds and a gigabyte.
_MAX_HEADER_BYTES = 5 * 10**6
_NAMES = {code: name for name, code in CODES.items()}


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
        if index in folder:
            data = read_json(folder, index, _MAX_INDEX_BYTES)
            shards = json_value(data, "weight_map", dict, index, folder)
            names = sorted({str(shard) for shard in shards.values()})
            check_once(folder, name, index, names)
        self._paths = [folder.require(shard) for shard in names]
        self._files = contextlib.ExitStack()
        self._places: dict[str, _Place] = {}

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as files:  # closes them if one of them is broken
            for path in self._paths:
                file = files.enter_context(path.open("rb", buffering=0))
                found = self._places_in(path, file)
                if twice := found.keys() & self._places.keys():
                    raise PresetCorruptError(
                        f"Expected each weight of the preset {self._label!r} in one "
                        f"file; {sorted(twice)[:10]} are in two."
                    )
                self._places |= found
            self._files = files.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._files.close()

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Returns the shape of every tensor, without reading it."""
        return {name: place.shape for name, place in self._places.items()}

    def read(self, name: str) -> np.ndarray:
        """Returns one tensor as a NumPy array of its own."""
        import ml_dtypes  # noqa: F401  NumPy then knows 16-bit brain floats by name

        place = self._places[name]
        if place.code not in _NAMES:
            raise PresetCorruptError(
                f"Expected {name!r} in the preset {self._label!r} to be of one of the "
                f"types {sorted(_NAMES)}, received {place.code!r}."
            )
        array = aligned_array(place.shape, np.dtype(_NAMES[place.code]))
        view = array.reshape(-1).view(np.uint8).data
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


def check_once(folder: Folder, name: str, index: str, shards: Collection[str]) -> None:
    """Raises PresetCorruptError if weights are there as one file and as shards.

    Args:
        folder: the preset.
        name: of the one file.
        index: name of the list of shards.
        shards: what it lists.
    """
    if name in folder and name not in shards:
        raise PresetCorruptError(
            f"Expected the weights of the preset {folder.label!r} in {name!r} or in "
            f"the shards that {index!r} lists; both are there, one of them from an "
            "earlier save. Remove the older."
        )
