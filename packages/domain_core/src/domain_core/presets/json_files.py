"""Writing JSON, and reading it with clear words where somebody wrote it wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.folder import Folder

_MAX_BYTES = 2**20
_MAX_DEPTH = 64


def read_json(folder: Folder, name: str, max_bytes: int = _MAX_BYTES) -> dict[str, Any]:
    """Returns the object in a JSON file of a preset.

    Args:
        folder: the preset.
        name: of the file.
        max_bytes: size of the largest file to read.

    Raises:
        PresetCorruptError: if the file is missing, too large, no JSON object, nested
            more than 64 deep, names a key twice, or holds a number that is not finite.
    """
    path = folder.require(name)
    what = f"{name!r} of the preset {folder.label!r}"
    size = path.stat().st_size
    if size > max_bytes:
        raise PresetCorruptError(
            f"Expected {what} to be at most {max_bytes} bytes, received {size}. This "
            "is not a config file."
        )
    try:
        value = json.loads(
            path.read_bytes().decode("utf-8-sig"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_number,
            parse_float=_finite,
        )
        _check_depth(value)
    except (ValueError, RecursionError) as error:
        raise PresetCorruptError(
            f"Expected JSON in {what}: {error}. Save or download the preset again."
        ) from error
    if not isinstance(value, dict):
        raise PresetCorruptError(
            f"Expected a JSON object in {what}, received a {type(value).__name__}."
        )
    return value


def json_value(data: Any, key: str, kind: type, file: str, folder: Folder) -> Any:
    """Returns a value of an object that `read_json` gave, checked for its type.

    Raises:
        PresetCorruptError: if the key is missing or its value of another type.
    """
    value = data.get(key) if isinstance(data, dict) else None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise PresetCorruptError(
            f"Expected {key!r} in {file!r} of the preset {folder.label!r} to be a "
            f"{kind.__name__}, received {value!r:.200}. Save or download the preset "
            "again."
        )
    return value


def write_json(path: Path, value: Any) -> None:
    """Writes a value so that `read_json` gives it back."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return value


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number that a config may hold")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refuse_number(text)
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        nested: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                nested += item.values()
            elif isinstance(item, list):
                nested += item
        if not nested:
            return
        level = nested
    raise ValueError(f"it is nested more than {_MAX_DEPTH} deep")
