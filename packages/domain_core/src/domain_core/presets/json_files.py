"""Writing JSON, and reading it with clear words where somebody wrote it wrong."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NoReturn

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.folder import Folder

MAX_BYTES = 2**20
# Of a long list each value takes 64 bytes or more of memory, and 3 of the file.
_MAX_VALUES = 400_000
_MAX_DEPTH = 64


def read_json(folder: Folder, name: str, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Returns the object in a JSON file of a preset.

    Args:
        folder: the preset.
        name: of the file.
        max_bytes: size of the largest file to read.

    Raises:
        PresetCorruptError: if the file is missing, too large, no JSON object, nested
            more than 64 deep, names a key twice, or holds a number that is not finite
            or more than 400,000 values.
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
        value = parse_json(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise PresetCorruptError(
            f"Expected JSON in {what}: {error}. Save or download the preset again."
        ) from error
    if not isinstance(value, dict):
        raise PresetCorruptError(
            f"Expected a JSON object in {what}, received a {type(value).__name__}."
        )
    return value


def parse_json(content: bytes) -> Any:
    """Returns the value of a JSON text, which is read strictly.

    Raises:
        ValueError: if it is none, see `read_json`.
        RecursionError: if it is nested too deep by far.
    """
    if sum(content.count(mark) for mark in (b",", b"[", b"{")) > _MAX_VALUES:
        raise ValueError(f"it holds more than {_MAX_VALUES} values")
    value = json.loads(
        content.decode("utf-8-sig"),
        object_pairs_hook=_without_duplicates,
        parse_constant=_refuse_number,
        parse_float=_finite,
    )
    _check_depth(value)
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


def json_text(value: Any, what: str) -> str:
    """Returns what `write_json` writes, if `read_json` gives the very same value back.

    Raises:
        ValueError: if it does not.
    """
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
        same = len(text.encode()) < MAX_BYTES and parse_json(text.encode()) == value
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            f"Expected JSON data as {what}, received {value!r:.200}: {error}."
        ) from error
    if not same:
        raise ValueError(
            f"Expected as {what} JSON data of less than {MAX_BYTES} bytes, with lists "
            f"and no tuples, received {value!r:.200}."
        )
    return text


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
