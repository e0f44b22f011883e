"""Directories that are whole or not there, and the room they need."""

from __future__ import annotations

import contextlib
import getpass
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from domain_core.preset_errors import PresetError

# Of the size of files, for the file system's own bookkeeping.
_MARGIN = 1.05
_LOCK_SECONDS = 600


@contextlib.contextmanager
def whole_directory(target: Path) -> Iterator[Path]:
    """Yields a new directory to fill; at the end it is put in the place of `target`.

    Until that moment `target` stays as it is. The files are written to the disk before
    the swap, so that a crash of the machine leaves the old directory or the new one.
    Where the swap itself is cut in two, `surviving` finds the old one.

    Args:
        target: directory to make, with its parents, or to replace.

    Raises:
        ValueError: if it is a file, or its place can't be taken; then nothing has been
            written.
    """
    target = _resolved(target)
    with saving(target):
        _finish_earlier_swap(target)
        aside = _aside(target)
        try:
            (aside / "preset").mkdir()
            yield aside / "preset"
            _sync(aside)
            _swap(aside / "preset", target)
        finally:
            shutil.rmtree(aside, ignore_errors=True)


@contextlib.contextmanager
def saving(target: Path) -> Iterator[None]:
    """Holds off other processes of this user that save to a directory."""
    import filelock

    with filelock.FileLock(_lock_of(target), timeout=_LOCK_SECONDS):
        yield


def _resolved(target: Path) -> Path:
    """Returns an absolute path without links: a link stays, what it leads to is new."""
    try:
        target = target.expanduser().resolve()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            target.lstat()
    except (OSError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"Expected a path that this system takes, received {str(target)!r:.300}: "
            f"{error!s:.200}. Choose another."
        ) from error
    return target


def _aside(target: Path) -> Path:
    """Makes a directory beside the target, which will take its place."""
    if target.exists() and not target.is_dir():
        raise ValueError(
            f"Expected a directory, received {str(target)!r}, which is a file. Choose "
            "another path."
        )
    if target.is_mount():
        raise ValueError(
            f"Expected a directory that another can take the place of, received "
            f"{str(target)!r}, where a file system is mounted. Choose a directory in "
            f"it, such as {str(target / 'preset')!r}."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        return _sibling(target, "new")
    except OSError as error:
        raise ValueError(
            f"Expected a path beside which files can be written, received "
            f"{str(target)!r} ({error.strerror}). Files are written there first, so "
            "that the old ones stay until the new are whole. Choose another path."
        ) from error


def surviving(directory: Path) -> Path:
    """Returns a directory, or where it is if a save was cut while putting it there."""
    if not os.path.exists(directory):  # of no path that it is given says more
        for old in _siblings(directory, "old"):
            if (old / "preset").exists():
                return old / "preset"
    return directory


def check_free_disk(directory: Path, size: int, label: str) -> None:
    """Checks that files fit on the disk before they are written.

    Raises:
        PresetError: if they do not.
    """
    directory = directory.expanduser().absolute()
    while not directory.exists():
        directory = directory.parent
    free = shutil.disk_usage(directory).free
    if size * _MARGIN > free:
        raise PresetError(
            f"Expected {size * _MARGIN / 1e9:.2f} GB of free disk for {label!r} at "
            f"{str(directory)!r}; there are {free / 1e9:.2f} GB. Make room, or choose "
            "another disk: `python -m domain_core doctor` shows what the caches hold."
        )


def sha256(path: Path) -> str:
    """Returns the SHA-256 of a file in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lock_of(target: Path) -> Path:
    """Returns a lock file away from the target, because it stays behind."""
    digest = hashlib.sha256(os.fsencode(target.resolve())).hexdigest()
    return _lock_directory() / f"{digest[:32]}.lock"


def _lock_directory() -> Path:
    """Returns a directory that nobody but this user can write to."""
    # In a container a user may have a number, but no name.
    user = os.getuid() if hasattr(os, "getuid") else getpass.getuser()
    directory = Path(tempfile.gettempdir(), f"domain_core-{user}")
    with contextlib.suppress(FileExistsError):
        directory.mkdir(mode=0o700)
    # All may write to the place of temporary files: another user may have made this
    # one, or put a link there, behind which a lock would empty a file.
    status = directory.lstat()
    own = os.name == "nt" or (status.st_uid == user and not status.st_mode & 0o022)
    if not own or not stat.S_ISDIR(status.st_mode):
        raise PresetError(
            f"Expected {str(directory)!r} to be a directory that you alone can write "
            "to, for locks; it is another's, a link, or open to others. Remove it, or "
            "set TMPDIR to a directory of yours."
        )
    return directory


def _sibling(target: Path, kind: str) -> Path:
    """Makes a hidden directory beside the target, on the same file system."""
    prefix = f".{target.name}.{kind}."
    return Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))


def _siblings(target: Path, kind: str) -> list[Path]:
    """Returns what `_sibling` made for this target, and for no other."""
    prefix = f".{target.name}.{kind}."
    return [
        path
        for path in (target.parent.iterdir() if os.path.isdir(target.parent) else ())
        if path.name.startswith(prefix) and "." not in path.name.removeprefix(prefix)
    ]


def _finish_earlier_swap(target: Path) -> None:
    """Tidies up after a save that was killed; nobody else is saving here now."""
    if surviving(target) != target:
        surviving(target).rename(target)
    for kind in ("new", "old"):
        for directory in _siblings(target, kind):
            shutil.rmtree(directory, ignore_errors=True)


def _sync(directory: Path) -> None:
    """Makes sure that files and directories are on the disk, not on their way."""
    if os.name == "nt":  # cannot open directories, and writes their entries itself
        return
    for parent, _, files in os.walk(directory):
        for path in (*(Path(parent, file) for file in files), Path(parent)):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _swap(new: Path, target: Path) -> None:
    if not target.exists():
        new.rename(target)
    else:
        old = _sibling(target, "old")
        target.rename(old / "preset")
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    _sync_entry(target.parent)


def _sync_entry(directory: Path) -> None:
    if os.name != "nt":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
