"""The JSON files of a preset: read strictly, written so that they read back."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.folder import Folder
from domain_core.strict_json import check_plain, parse_json, read_file, read_object

MAX_BYTES = 2**20
# Of a long list each value takes 64 bytes or more of memory, and 3 of the file.
_MAX_VALUES = 400_000


def read_json(
    folder: Folder, name: str, max_bytes: int = MAX_BYTES, *, of_keras: bool = False
) -> dict[str, Any]:
    """Returns the object in a JSON file of a preset.

    Args:
        folder: the preset.
        name: of the file.
        max_bytes: size of the largest file to read.
        of_keras: whether it may hold objects as Keras serializes them. Whoever reads
            them checks the names, and hands none of them to Keras.

    Raises:
        PresetCorruptError: if the file is missing, too large, no JSON object, nested
            more than 64 deep, names a key twice, or holds a number that is not finite
            or more than 400,000 values.
        PresetUnsafeError: if it holds an object in Keras' form and may not.
    """
    where = f"{name!r} of the preset {folder.label!r}"
    value = read_object(
        folder.require(name),
        where,
        max_bytes=max_bytes,
        max_values=_MAX_VALUES,
        error=PresetCorruptError,
    )
    if not of_keras:
        check_plain(value, where)
    return value


def read_json_list(folder: Folder, name: str) -> list[Any]:
    """Returns the list in a JSON file of a preset; see `read_json`.

    Raises:
        PresetCorruptError: if the file is missing, too large, or holds no list.
    """
    what = f"{name!r} of the preset {folder.label!r}"
    content = read_file(folder.require(name), what, MAX_BYTES, PresetCorruptError)
    try:
        value = parse_json(content, _MAX_VALUES)
    except (ValueError, RecursionError) as error:
        raise PresetCorruptError(f"Expected JSON in {what}: {error}.") from None
    if not isinstance(value, list):
        raise PresetCorruptError(
            f"Expected a list in {what}, received a {type(value).__name__}. Download "
            "the preset again."
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


def warn_of_unknown_keys(folder: Folder, name: str, keys: Iterable[str]) -> None:
    """Warns, once for all of them, of keys that a reader knows nothing of."""
    warnings.warn(
        f"The keys {sorted(keys)[:20]} in {name!r} of the preset {folder.label!r} are "
        "not known here and were not looked at. If one of them changes what the model "
        "computes, results differ from those of the program that wrote it.",
        stacklevel=2,
    )


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
        same = (
            len(text.encode()) < MAX_BYTES
            and parse_json(text.encode(), _MAX_VALUES) == value
        )
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
