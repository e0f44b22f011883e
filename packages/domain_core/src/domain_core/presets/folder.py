"""The files of a preset, on this machine or still elsewhere.

A layout asks a `Folder` which files there are, and for the path of those it reads: a
remote folder downloads a file when its path is asked for, so `load_weights=False`
never fetches weights.
"""

from __future__ import annotations

import abc
import contextlib
import contextvars
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from domain_core.preset_errors import (
    PresetCorruptError,
    PresetError,
    PresetUnsafeError,
)

MAX_FILES = 10_000
MAX_BYTES = 2**40
# Drives, streams and separators of any system, and what no file name needs.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|\ud800-\udfff]')
_NOT_EVERYWHERE = re.compile(
    r".*[. ]|(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE
)
_LONGEST_NAME = 255  # bytes
_WEIGHTS = (".safetensors", ".weights.h5")
# Pickles by all their names, and whole models: what is read back may be code.
_REFUSED = re.compile(
    r".*\.(pt|pth|bin|ckpt|pkl|pickle|joblib|keras|hdf5|(?<!\.weights\.)h5)"
)


class Folder(abc.ABC):
    """The files of one preset, read-only. Subclasses write `sizes` and `path`.

    Attributes:
        label: what the user asked for, for messages.
    """

    label: str

    @abc.abstractmethod
    def sizes(self) -> Mapping[str, int]:
        """Returns the size in bytes of every file, by its name relative to the folder.

        Names have forward slashes; `check_names` has approved them.
        """

    @abc.abstractmethod
    def path(self, name: str) -> Path:
        """Returns where one of the files lies, after a download if need be."""

    def is_intact(self, name: str) -> bool | None:
        """Returns whether a file is what was downloaded, by its hash.

        None if it was not fetched yet, or nobody stated a hash. Sends no request.
        """
        return None

    def discard(self, name: str) -> None:
        """Removes a downloaded file, so that `path` fetches it anew.

        Raises:
            PresetError: if there is no place to fetch it from.
        """
        raise PresetError(
            f"Expected a downloaded preset, whose files can be fetched again, received "
            f"{self.label!r}, a directory whose {name!r} is damaged or missing. Bring "
            "it again from where it came from."
        )

    def __contains__(self, name: str) -> bool:
        return name in self.sizes()

    def weight_bytes(self) -> int:
        """Returns the size of all files of weights."""
        return sum(n for name, n in self.sizes().items() if name.endswith(_WEIGHTS))

    def require(self, name: str) -> Path:
        """Returns the path of a file.

        Raises:
            PresetCorruptError: if the preset has no such file.
            PresetUnsafeError: if it has weights in a refused format instead.
        """
        if name not in self.sizes():
            if name.endswith(_WEIGHTS):
                refuse_unsafe_weights(self)
            raise PresetCorruptError(
                f"Expected the preset {self.label!r} to hold {name!r}; it holds "
                f"{sorted(self.sizes())[:20]}. Save or download the preset again, "
                "completely."
            )
        return self.path(name)

    def directory(self, prefix: str) -> Path:
        """Returns the local directory of all files below `prefix`, such as "assets".

        Args:
            prefix: a folder of the preset; "" for all of it.

        Raises:
            PresetCorruptError: if there are no such files.
        """
        start = f"{prefix}/" if prefix else ""
        names = [name for name in self.sizes() if name.startswith(start)]
        if not names:
            self.require(start)
        paths = [self.path(name) for name in names]
        depth = names[0].removeprefix(start).count("/")
        return paths[0].parents[depth]


class LocalFolder(Folder):
    """A directory of this machine.

    Args:
        directory: its path; `~` stands for the home directory.
        label: what the user asked for; the path where it is None.

    Raises:
        PresetUnsafeError: if it has more than 10,000 files.
    """

    def __init__(
        self, directory: str | os.PathLike[str], label: str | None = None
    ) -> None:
        self.root = Path(directory).expanduser()
        self.label = label or str(directory)
        self._sizes: dict[str, int] = {}
        self._state = _state(self.root)
        self._states: dict[str, _State | None] = {}
        for parent, _, files in os.walk(self.root):
            for file in files:
                path = Path(parent, file)
                if path.is_file():
                    name = path.relative_to(self.root).as_posix()
                    self._sizes[name] = path.stat().st_size
            if len(self._sizes) > MAX_FILES:
                raise PresetUnsafeError(
                    f"Expected at most {MAX_FILES} files in the preset {self.label!r}; "
                    "it has more. Pass the directory of one preset."
                )
        if (opened := _OPENED.get()) is not None:
            opened.append(self)

    def sizes(self) -> Mapping[str, int]:
        return self._sizes

    def path(self, name: str) -> Path:
        path = self.root / name
        self._states.setdefault(name, _state(path))
        if path.is_symlink():
            self._check_link(path)
        return path

    @classmethod
    @contextlib.contextmanager
    def opened(cls) -> Iterator[list[LocalFolder]]:
        """Yields a list of the folders that this thread opens meanwhile."""
        folders: list[LocalFolder] = []
        token = _OPENED.set(folders)
        try:
            yield folders
        finally:
            _OPENED.reset(token)

    def is_changed(self) -> bool:
        """Whether a file that was asked for is another, or has been written, since."""
        return any(
            _state(self.root / name) != state for name, state in self._states.items()
        )

    def is_replaced(self) -> bool:
        """Whether that may be so, or files were added or removed, since it was opened.

        Then it is not sure that all files were seen.
        """
        return _state(self.root) != self._state or self.is_changed()

    def _check_link(self, path: Path) -> None:
        """Refuses a link that leaves the folder, but for Hugging Face's cache."""
        root, target = self.root.resolve(), path.resolve()
        allowed = [root]
        if root.parent.name == "snapshots":
            allowed.append(root.parent.parent / "blobs")
        if not any(target.is_relative_to(place) for place in allowed):
            raise PresetUnsafeError(
                f"Expected the files of the preset {self.label!r} to lie in its "
                f"directory; {path.name!r} is a link to a file elsewhere. Copy the "
                "file into the directory if you trust it."
            )


class _State(NamedTuple):
    """What differs when a file or a directory is another one, or was written."""

    device: int
    number: int
    changed: int
    size: int


def _state(path: Path) -> _State | None:
    try:
        status = path.stat()
    except OSError:
        return None
    # Times of access and numbers of names change by reading and by saving beside.
    return _State(status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)


_OPENED: contextvars.ContextVar[list[LocalFolder] | None] = contextvars.ContextVar(
    "domain_core_opened_folders", default=None
)


class PartOfFolder(Folder):
    """Those files of a folder that somebody vouches for.

    Args:
        folder: where they are.
        names: of the files; others are as if they were not there.
    """

    def __init__(self, folder: Folder, names: Iterable[str]) -> None:
        self._folder = folder
        self.label = folder.label
        sizes = folder.sizes()
        self._sizes = {name: sizes[name] for name in names if name in sizes}

    def sizes(self) -> Mapping[str, int]:
        return self._sizes

    def path(self, name: str) -> Path:
        return self._folder.path(name)


def check_names(names: Iterable[str], label: str) -> None:
    """Checks names that somebody else made up, before any of them becomes a path.

    Args:
        names: of files, relative to their folder.
        label: what the user asked for, for messages.

    Raises:
        PresetUnsafeError: if one is absolute, leaves the folder, means something
            special on some system, or differs from another only in case; or if there
            are more than 10,000.
    """
    seen: dict[str, str] = {}
    for name in names:
        parts = name.split("/")
        if _UNSAFE.search(name) or any(p in ("", ".", "..") for p in parts):
            raise PresetUnsafeError(
                f"Expected plain relative file names in the preset {label!r}, received "
                f"{name[:200]!r}. Nothing was written; do not use this preset."
            )
        if any(
            _NOT_EVERYWHERE.fullmatch(part) or len(part.encode()) > _LONGEST_NAME
            for part in parts
        ):
            raise PresetUnsafeError(
                f"Expected file names in the preset {label!r} that every system takes "
                "(no dot or space at the end, no device, at most 255 bytes), "
                f"received {name[:200]!r}. Nothing was written."
            )
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            raise PresetUnsafeError(
                f"Expected file names in the preset {label!r} that differ by more than "
                f"case, received {other!r} and {name!r}. Nothing was written."
            )
        if len(seen) > MAX_FILES:
            raise PresetUnsafeError(
                f"Expected at most {MAX_FILES} files in the preset {label!r}; it lists "
                "more. Nothing was written."
            )
    for name in seen:
        if seen.keys() & {str(parent) for parent in PurePosixPath(name).parents}:
            raise PresetUnsafeError(
                f"Expected no file in the preset {label!r} to be a directory too, "
                f"received {seen[name][:200]!r}. Nothing was written."
            )


def check_sizes(sizes: Iterable[int], label: str) -> None:
    """Checks what files that somebody else lists would take, before any is fetched.

    Raises:
        PresetUnsafeError: if it is more than a tebibyte.
    """
    total = sum(sizes)
    if total > MAX_BYTES:
        raise PresetUnsafeError(
            f"Expected at most {MAX_BYTES} bytes in the preset {label!r}; it lists "
            f"{total}. Nothing was written."
        )


def refuse_unsafe_weights(folder: Folder) -> None:
    """Says why weights are not read, where all that a preset has are of such a kind.

    Raises:
        PresetUnsafeError: if there are files of a format that can run code.
    """
    if refused := sorted(filter(_REFUSED.fullmatch, folder.sizes())):
        raise PresetUnsafeError(
            f"Expected the weights of the preset {folder.label!r} as '.safetensors' or "
            f"'.weights.h5', received {refused[:10]}. Pickles ('.pt', '.bin') and "
            "whole models ('.h5', '.keras') can run code when they are read. Convert "
            "them where you trust them, and save the preset again."
        )
