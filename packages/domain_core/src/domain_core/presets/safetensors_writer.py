"""Writing weights as safetensors, one tensor in memory at a time.

`safetensors.numpy.save_file` wants all of them at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np

from domain_core.weights.tensor import Tensor as Tensor
from domain_core.weights.weight_map import all_finite

# Names of types as safetensors has them, by those of Keras.
CODES = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "float16": "F16",
    "bfloat16": "BF16",
    "uint32": "U32",
    "int32": "I32",
    "float32": "F32",
    "uint64": "U64",
    "int64": "I64",
    "float64": "F64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}
_ALIGNMENT = 8


def write_tensors(
    directory: Path,
    name: str,
    tensors: Mapping[str, Tensor],
    *,
    max_shard_bytes: int | None = None,
) -> None:
    """Writes `name`, or shards of it and `name + ".index.json"`.

    Args:
        directory: where to write.
        name: a file name that ends in ".safetensors".
        tensors: what to write, by name, in this order.
        max_shard_bytes: size above which to shard; a larger single tensor gets a shard
            of its own. None for one file.
    """
    shards = shards_of(tensors, max_shard_bytes)
    if len(shards) == 1:
        _write_file(directory / name, shards[0])
        return
    stem = name.removesuffix(".safetensors")
    owner: dict[str, str] = {}
    for number, shard in enumerate(shards, 1):
        file = f"{stem}-{number:05}-of-{len(shards):05}.safetensors"
        _write_file(directory / file, shard)
        owner |= dict.fromkeys(shard, file)
    total = sum(tensor.size for tensor in tensors.values())
    index = {"metadata": {"total_size": total}, "weight_map": owner}
    text = json.dumps(index, indent=2) + "\n"
    (directory / f"{name}.index.json").write_text(text, encoding="utf-8")


def shards_of(
    tensors: Mapping[str, Tensor], limit: int | None
) -> list[dict[str, Tensor]]:
    """Deals tensors out to files of at most so many bytes, in order."""
    shards: list[dict[str, Tensor]] = [{}]
    filled = 0
    for name, tensor in tensors.items():
        if limit is not None and shards[-1] and filled + tensor.size > limit:
            shards.append({})
            filled = 0
        shards[-1][name] = tensor
        filled += tensor.size
    return shards


def _write_file(path: Path, tensors: Mapping[str, Tensor]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, tensor in tensors.items():
        start, end = end, end + tensor.size
        header[name] = {
            "dtype": CODES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for name, tensor in tensors.items():
            _write_array(file, name, tensor)


def _write_array(file: BinaryIO, name: str, tensor: Tensor) -> None:
    # In order: an array with other strides has its bytes in another order.
    array = np.ascontiguousarray(tensor.read())
    if array.nbytes != tensor.size:
        raise ValueError(
            f"Expected {name!r} to be {tensor.dtype} of shape {tensor.shape}, received "
            f"{array.dtype} of shape {array.shape}."
        )
    check_finite(name, array)
    file.write(array.reshape(-1).view(np.uint8).data)


def check_finite(name: str, array: np.ndarray) -> None:
    """Raises ValueError for weights that no preset is read with."""
    if not all_finite(array):
        raise ValueError(
            f"Expected weights that are finite numbers; {name!r} holds NaN or "
            "infinity: the training diverged. Nothing was written; save weights of an "
            "earlier step, with a smaller learning rate from there."
        )
