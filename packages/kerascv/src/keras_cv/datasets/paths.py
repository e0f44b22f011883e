"""Files that annotations name, found in the folder they belong to and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

# The formats that domain_core.images decodes.
SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm"),
)

# Of most file systems, in bytes.
_LONGEST_NAME, _LONGEST_PATH = 255, 4096


def as_folder(name: str, path: str | os.PathLike[str]) -> Path:
    """Returns the path of a folder.

    Raises:
        ValueError: if there is none.
    """
    folder = Path(path)
    try:
        if folder.is_dir():
            return folder
        found = "is a file" if folder.exists() else "does not exist"
    except OSError as error:  # such as of a name that is too long
        found = f"can't be read: {error.strerror}"
    raise ValueError(
        f"Expected `{name}` to be a folder, received {str(folder)!r:.300}, which "
        f"{found}."
    )


def inside(folder: Path, name: Any, source: str) -> Path:
    """Returns the path of a file in a folder, by a name that somebody else wrote.

    Links within the folder are followed: they are the user's own.

    Args:
        folder: where it must be.
        name: relative path, "/" between its parts.
        source: where the name is from, for the error.

    Raises:
        ValueError: if it is no name that a file can have, or that of a file elsewhere.
    """
    if not isinstance(name, str) or not name.strip() or not _can_be(folder / name):
        raise ValueError(
            f"Expected the name of an image file in {source}, received {name!r:.200}."
        )
    for path in (PurePosixPath(name), PureWindowsPath(name)):
        if path.is_absolute() or path.drive or path.root or ".." in path.parts:
            raise ValueError(
                f"Expected {source} to name a file in {str(folder)!r}, received "
                f"{name!r:.200}, which leaves it. Write its path from there."
            )
    return folder / name


def _can_be(path: Path) -> bool:
    """Whether a file system takes the name."""
    try:
        encoded = os.fsencode(path)
    except UnicodeError:
        return False
    parts = [os.fsencode(part) for part in path.parts]
    is_long = len(encoded) >= _LONGEST_PATH or max(map(len, parts)) > _LONGEST_NAME
    return not is_long and b"\0" not in encoded


def is_hidden(name: str) -> bool:
    """Whether a file is hidden, as those are that macOS puts beside others."""
    return name.startswith(".")


def read_text_file(path: Path, max_bytes: int, what: str) -> bytes:
    """Returns the content of a file of annotations.

    Raises:
        ValueError: if it can't be read, or is too large.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ValueError(f"Expected a file of {what}, received {str(path)!r}.")
        if size > max_bytes:
            raise ValueError(
                f"Expected {what} of at most {max_bytes:,} bytes, received {size:,} in "
                f"{str(path)!r}."
            )
        return path.read_bytes()
    except OSError as error:
        raise ValueError(
            f"Expected a file of {what}, can't read {str(path)!r}: {error.strerror}."
        ) from error
