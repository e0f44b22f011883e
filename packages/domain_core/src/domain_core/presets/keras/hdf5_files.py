"""Reading weights from Keras' HDF5 files, one tensor in memory at a time.

HDF5 can point to other files, describe more data than there is, and run filters. So a
file is scanned before any of its data is read, and refused if it does more than hold
numbers.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

import numpy as np

from domain_core.arrays.aligned import aligned_array
from domain_core.preset_errors import PresetCorruptError, PresetUnsafeError
from domain_core.presets.folder import Folder
from domain_core.presets.json_files import json_value, read_json
from domain_core.presets.safetensors_reader import check_once
from domain_core.presets.safetensors_writer import check_finite, shards_of
from domain_core.weights.tensor import Tensor

_MAX_INDEX_BYTES = 25 * 10**6
_MAX_OBJECTS = 200_000
_ENDING = ".weights.h5"
_INDEX_ENDING = ".weights.json"
# Optimizers, metrics and random states are no weights; the last is an index of Keras 2.
_NO_WEIGHT = re.compile(
    r"(.*/)?(optimizer|metrics|seed_generator(_\d+)?|_layer_checkpoint_dependencies)/.*"
)
# What h5py raises for damaged files.
_LIBRARY_ERRORS = (OSError, RuntimeError, KeyError, TypeError, ValueError)
_MARK = "dtype"  # the attribute by which Keras marks bytes as bfloat16


class Hdf5Files:
    """The tensors of `model.weights.h5`, or of several such files.

    Names are those in the file, but that every layer has a number: Keras numbers the
    layers of a class from the second on, `layers/dense_1/vars/0`; the first is
    `layers/dense_0` here.

    Args:
        folder: the preset.
        name: file name, ends in ".weights.h5"; where it is missing, shards are listed
            in the file that ends in ".weights.json" instead.

    Raises:
        PresetCorruptError: if a file is missing or no HDF5 file.
        PresetUnsafeError: if a file does more than hold numbers.
    """

    def __init__(self, folder: Folder, name: str) -> None:
        self._label = folder.label
        names = [name]
        index = name.removesuffix(_ENDING) + _INDEX_ENDING
        if index in folder:
            data = read_json(folder, index, _MAX_INDEX_BYTES)
            shards = json_value(data, "weight_map", dict, index, folder).values()
            lists = [s if isinstance(s, list) else [s] for s in shards]
            names = sorted({str(shard) for row in lists for shard in row})
            check_once(folder, name, index, names)
        self._paths = [folder.require(shard) for shard in names]
        self._files = contextlib.ExitStack()
        self._datasets: dict[str, Any] = {}

    def __enter__(self) -> Self:
        import h5py

        with contextlib.ExitStack() as files:  # closes them if one of them is broken
            for path in self._paths:
                try:
                    file = files.enter_context(h5py.File(path, "r", locking=False))
                    found = dict(_Scan(path, self._label).datasets(file))
                except _LIBRARY_ERRORS as error:
                    if isinstance(error, PresetCorruptError | PresetUnsafeError):
                        raise
                    raise PresetCorruptError(
                        f"Expected an HDF5 file {path.name!r} in the preset "
                        f"{self._label!r}: {error}. Save or download the preset again."
                    ) from error
                if twice := found.keys() & self._datasets.keys():
                    raise PresetCorruptError(
                        f"Expected each weight of the preset {self._label!r} in one "
                        f"file; {sorted(twice)[:10]} are in two."
                    )
                self._datasets |= found
            self._files = files.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        self._files.close()

    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Returns the shape of every tensor, without reading it."""
        return {name: tuple(d.shape) for name, d in self._datasets.items()}

    def read(self, name: str) -> np.ndarray:
        """Returns one tensor as a NumPy array of its own."""
        import ml_dtypes

        dataset = self._datasets[name]
        array = aligned_array(dataset.shape, dataset.dtype.newbyteorder("="))
        try:
            if dataset.size:
                dataset.read_direct(array)
        except (OSError, RuntimeError) as error:
            raise PresetCorruptError(
                f"Expected to read {name!r} of the preset {self._label!r}: {error}. "
                "Save or download the preset again."
            ) from error
        if array.dtype.kind == "V":
            return array.view(ml_dtypes.bfloat16)
        return array


class _Scan:
    """Goes through one file and refuses what is no plain number in it."""

    def __init__(self, path: Path, label: str) -> None:
        self._name = path.name
        self._label = label
        self._bytes_left = path.stat().st_size
        self._seen: set[int] = set()

    def datasets(self, file: Any) -> Iterator[tuple[str, Any]]:
        if "model_config" in file.attrs:
            raise self._unsafe("", "is a whole model, which could name code to run")
        self._check_new("", file)
        groups = [("", file)]
        while groups:
            prefix, group = groups.pop()
            for key in group:
                path = f"{prefix}/{key}".lstrip("/")
                item = self._item(path, group, key)
                if hasattr(item, "keys"):
                    groups.append((path, item))
                else:
                    self._check_dataset(path, item)
                    if not _NO_WEIGHT.fullmatch(path):
                        yield numbered(path), item

    def _item(self, path: str, group: Any, key: str) -> Any:
        import h5py

        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise self._unsafe(path, "is a link to another place")
        item = group[key]
        if not isinstance(item, h5py.Group | h5py.Dataset):
            raise self._unsafe(path, "is neither a group nor a dataset")
        self._check_new(path, item)
        return item

    def _check_new(self, path: str, item: Any) -> None:
        import h5py

        address = h5py.h5o.get_info(item.id).addr
        if address in self._seen:
            raise self._unsafe(path, "is a second name of the same object")
        self._seen.add(address)
        if len(self._seen) > _MAX_OBJECTS:
            raise self._unsafe(path, f"is one of more than {_MAX_OBJECTS} objects")

    def _check_dataset(self, path: str, dataset: Any) -> None:
        plist = dataset.id.get_create_plist()
        if dataset.is_virtual or plist.get_external_count():
            raise self._unsafe(path, "has its data in another file")
        if plist.get_nfilters():
            raise self._unsafe(path, "is compressed or filtered, as Keras writes none")
        kind = dataset.dtype
        is_bfloat16 = kind == np.dtype("V2") and dataset.attrs.get(_MARK) == "bfloat16"
        if (
            dataset.id.get_type().committed()
            or dataset.shape is None
            or not (is_bfloat16 or (kind.kind in "fiu" and kind.itemsize <= 8))
        ):
            raise self._unsafe(path, f"holds {kind}, not plain real numbers")
        self._bytes_left -= dataset.nbytes
        if dataset.nbytes > dataset.id.get_storage_size() or self._bytes_left < 0:
            raise self._unsafe(
                path, f"of shape {dataset.shape} has more than its bytes"
            )

    def _unsafe(self, path: str, why: str) -> PresetUnsafeError:
        return PresetUnsafeError(
            f"Expected {self._name!r} of the preset {self._label!r} to hold weights "
            f"and nothing else; {path[:200] or 'it'!r} {why}. Do not use this preset."
        )


def numbered(path: str) -> str:
    """Returns a path in a file with a number for the first layer of each class too."""
    parts = path.split("/")
    for index, part in enumerate(parts[:-1]):
        if part == "layers" and not re.fullmatch(r".*_\d+", parts[index + 1]):
            parts[index + 1] += "_0"
    return "/".join(parts)


def write_hdf5(
    directory: Path,
    name: str,
    tensors: Mapping[str, Tensor],
    *,
    max_shard_bytes: int | None = None,
) -> None:
    """Writes tensors as Keras names them, one in memory at a time.

    Args:
        directory: where to write.
        name: a file name that ends in ".weights.h5".
        tensors: by name as in `Hdf5Files`.
        max_shard_bytes: size above which to write shards and an index; a larger single
            tensor gets a shard of its own. None for one file.
    """
    total = sum(tensor.size for tensor in tensors.values())
    stem = name.removesuffix(_ENDING)
    if max_shard_bytes is None or total <= max_shard_bytes:
        _write_file(directory / name, tensors)
        return
    owners: dict[str, list[str]] = {}
    for number, shard in enumerate(shards_of(tensors, max_shard_bytes)):
        file = f"{stem}_{number:05}{_ENDING}"
        _write_file(directory / file, shard)
        for path in dict.fromkeys(_file_path(key).rpartition("/")[0] for key in shard):
            owners.setdefault(f"/{path}", []).append(file)
    index = {"metadata": {"total_size": total}, "weight_map": owners}
    (directory / f"{stem}{_INDEX_ENDING}").write_text(json.dumps(index, indent=4))


def _write_file(path: Path, tensors: Mapping[str, Tensor]) -> None:
    import h5py

    with path.open("wb+") as disk:
        spared = _SparedFile(disk)
        with h5py.File(spared, "w") as file:
            _write_tensors(file, tensors, spared)
        spared.raise_error()


def _write_tensors(
    file: Any, tensors: Mapping[str, Tensor], spared: _SparedFile
) -> None:
    for name, tensor in tensors.items():
        array = tensor.read()
        check_finite(name, array)
        is_bfloat16 = tensor.dtype == "bfloat16"
        data = array.view("V2") if is_bfloat16 else array
        dataset = file.create_dataset(_file_path(name), data=data)
        if is_bfloat16:
            dataset.attrs[_MARK] = tensor.dtype
        spared.raise_error()


class _SparedFile:
    """A file of which HDF5 never hears that a write failed.

    HDF5 cannot close a file that it can't write, and crashes the process at the next.
    So the error is kept for who asks.

    Args:
        file: opened for reading and writing bytes.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._error: OSError | None = None
        self.read = file.read  # h5py tells files from paths by it
        self.readinto = file.readinto  # type: ignore[attr-defined]
        self.seek = file.seek
        self.tell = file.tell

    def write(self, data: Any) -> int:
        with self._kept_error():
            self._file.write(data)
        return len(data)

    def truncate(self, size: int | None = None) -> int:
        with self._kept_error():
            self._file.truncate(size)
        return size or 0

    def flush(self) -> None:
        with self._kept_error():
            self._file.flush()

    def raise_error(self) -> None:
        """Raises the first error, if there was one."""
        self.flush()
        if self._error is not None:
            raise self._error

    @contextlib.contextmanager
    def _kept_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._error = self._error or error


def _file_path(name: str) -> str:
    """Undoes `numbered`."""
    return re.sub(r"(^|/)(layers/[^/]+?)_0(?=/)", r"\1\2", name)
