"""Reads JSON files that strangers wrote, of tokenizers and of presets, strictly."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

from domain_core.preset_errors import PresetUnsafeError

# The largest published tokenizers take some 30 MB.
_MAX_BYTES = 2**27
_MAX_DEPTH = 64


def read_object(
    path: str | os.PathLike[str],
    what: str,
    *,
    max_bytes: int = _MAX_BYTES,
    max_values: int | None = None,
    error: type[ValueError] = ValueError,
) -> dict[str, Any]:
    """Returns the object in a JSON file.

    Args:
        path: of the file.
        what: what the file should be, for errors.
        max_bytes: size of the largest file to read.
        max_values: how many values it may hold; None for as many as fit into it.
        error: what is raised.

    Raises:
        ValueError: or `error`, if the file is missing, too large, no JSON object,
            nested more than 64 deep, names a key twice, or holds a number that is not
            finite or too many values.
    """
    content = read_file(path, what, max_bytes, error)
    try:
        value = parse_json(content, max_values)
    except (ValueError, RecursionError) as cause:
        raise error(
            f"Expected JSON in {what}, {str(path)!r}: {cause}. Check the path, or save "
            "or download it again."
        ) from None
    if not isinstance(value, dict):
        raise error(
            f"Expected a JSON object in {what}, {str(path)!r}, received a "
            f"{type(value).__name__}."
        )
    return value


def read_file(
    path: str | os.PathLike[str],
    what: str,
    max_bytes: int = _MAX_BYTES,
    error: type[ValueError] = ValueError,
) -> bytes:
    """Returns the content of a file.

    Raises:
        ValueError: or `error`, if it is missing or too large.
    """
    file = Path(path)
    if not file.is_file():
        raise error(f"Expected {what}; there is no file {str(path)!r}. Check the path.")
    if (size := file.stat().st_size) > max_bytes:
        raise error(
            f"Expected {what}, {str(path)!r}, to have at most {max_bytes} bytes, "
            f"received {size}. Check the path."
        )
    return file.read_bytes()


def parse_json(content: bytes, max_values: int | None = None) -> Any:
    """Returns the value of a JSON text.

    Raises:
        ValueError: if it is none, see `read_object`.
        RecursionError: if it is nested too deep by far.
    """
    if max_values is not None:
        if sum(map(content.count, (b",", b"[", b"{"))) > max_values:
            raise ValueError(f"it holds more than {max_values} values")
    value = json.loads(
        content.decode("utf-8-sig"),
        object_pairs_hook=_without_duplicates,
        parse_constant=_refuse_number,
        parse_float=_finite,
    )
    level = [value]
    for _ in range(_MAX_DEPTH + 1):
        level = [item for item in level if isinstance(item, dict | list)]
        if not level:
            return value
        level = [
            inner
            for item in level
            for inner in (item.values() if isinstance(item, dict) else item)
        ]
    raise ValueError(f"it is nested more than {_MAX_DEPTH} deep")


def write_object(path: str | os.PathLike[str], value: Any) -> None:
    """Writes a value as JSON."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    Path(path).write_bytes(f"{text}\n".encode())


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return value


def _refuse_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a number that it may hold")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _refuse_number(text)
    return value


def check_plain(value: dict[str, Any] | list[Any], where: str = "a config") -> None:
    """Refuses what Keras would take for objects inside of JSON data, at any depth.

    Args:
        value: a list, or an object, whose own keys and those of a config may be any:
            they are names of arguments.
        where: names it in the message.

    Raises:
        PresetUnsafeError: if an object in Keras' form is there.
    """
    if isinstance(value, dict):
        named = "class" in value and isinstance(value.get("config"), dict)
        own = value["config"] if named else value
        inner = [(f"{key!r:.200} of {where}", item) for key, item in own.items()]
    else:
        inner = [(where, item) for item in value]
    for place, item in inner:
        if isinstance(item, dict) and (
            "registered_name" in item or isinstance(item.get("class_name"), str)
        ):
            raise PresetUnsafeError(
                f"Expected objects in {place} by the names that they are registered "
                f"under, received one in Keras' form: {item!r:.200}. A preset makes "
                "no such objects, whatever `keras.config` allows. Do not use it."
            )
        if isinstance(item, dict | list):
            check_plain(item, where)
