"""Reads JSON files of tokenizers, which strangers wrote, strictly."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from pathlib import Path
from typing import Any, NoReturn

# The largest published tokenizers take some 30 MB.
_MAX_BYTES = 2**27
_MAX_DEPTH = 64


def read_object(path: str | os.PathLike[str], what: str) -> dict[str, Any]:
    """Returns the object in a JSON file.

    Args:
        path: of the file.
        what: what the file should be, for errors.

    Raises:
        ValueError: if the file is missing, larger than 128 MB, no JSON object, nested
            more than 64 deep, names a key twice, or holds a number that is not finite.
    """
    content = read_file(path, what)
    try:
        value = json.loads(
            content.decode("utf-8-sig"),
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_number,
            parse_float=_finite,
        )
        _check_depth(value)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"Expected {what} as JSON in {str(path)!r}: {error}. Check the path, and "
            "download the file again."
        ) from None
    if not isinstance(value, dict):
        raise ValueError(
            f"Expected {what} as a JSON object in {str(path)!r}, received a "
            f"{type(value).__name__}. Check the path."
        )
    return value


def read_file(path: str | os.PathLike[str], what: str) -> bytes:
    """Returns the content of a file.

    Raises:
        ValueError: if it is missing or larger than 128 MB.
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(
            f"Expected {what}; there is no file {str(path)!r}. Check the path."
        )
    if (size := file.stat().st_size) > _MAX_BYTES:
        raise ValueError(
            f"Expected {what} of at most {_MAX_BYTES} bytes, received {size} in "
            f"{str(path)!r}. Check the path."
        )
    return file.read_bytes()


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


def _check_depth(value: Any) -> None:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(_MAX_DEPTH + 1):
        nested: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                nested += [v for v in item.values() if isinstance(v, dict | list)]
            else:
                nested += [v for v in item if isinstance(v, dict | list)]
        if not nested:
            return
        level = nested
    raise ValueError(f"it is nested more than {_MAX_DEPTH} deep")
