"""The files of a preset on a web server, fetched when they are asked for."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.disk import check_free_disk, sha256
from domain_core.presets.folder import (
    Folder,
    LocalFolder,
    check_names,
    check_sizes,
)
from domain_core.presets.json_files import json_value
from domain_core.presets.manifest import MANIFEST, SIGNATURE, manifest_entries
from domain_core.presets.sources.cache import not_cached
from domain_core.presets.sources.retries import Deadline, one_process
from domain_core.presets.sources.source import is_offline
from domain_core.presets.sources.web.client import fetch_file

_HASH = re.compile(r"[0-9a-f]{64}")


class WebFolder(Folder):
    """A preset on a web server, whose manifest is in the cache."""

    def __init__(self, directory: Path, address: str) -> None:
        self.label = address
        self._directory = directory
        self._files = read_entries(directory / "files", address)

    def sizes(self) -> Mapping[str, int]:
        sizes = {name: size for name, (size, _) in self._files.items()}
        for name in (MANIFEST, SIGNATURE):  # the manifest can't list these
            path = self._directory / "files" / name
            if path.is_file():
                sizes[name] = path.stat().st_size
        return sizes

    def path(self, name: str) -> Path:
        path = self._directory / "files" / name
        size = self.sizes()[name]
        if _has_size(path, size):
            return path
        if is_offline():
            raise not_cached(self.label, repr(name))
        deadline = Deadline(size=size)
        with one_process(self._directory / "lock", deadline, self.label):
            if not _has_size(path, size):
                self._download(name, path, deadline)
        return path

    def is_intact(self, name: str) -> bool | None:
        path = self._directory / "files" / name
        own = {MANIFEST: (0, self._directory.name)}
        _, digest = {**self._files, **own}.get(name, (0, None))
        return sha256(path) == digest if digest and path.is_file() else None

    def discard(self, name: str) -> None:
        with one_process(self._directory / "lock", Deadline(), self.label):
            (self._directory / "files" / name).unlink(missing_ok=True)

    def _download(self, name: str, path: Path, deadline: Deadline) -> None:
        """Puts a file in its place, complete and checked."""
        size, digest = self._files[name]
        check_free_disk(self._directory, size, self.label)
        partial = self._directory / "partial" / digest
        partial.parent.mkdir(parents=True, exist_ok=True)
        url = self.label + quote(name)
        for _ in range(2):  # a damaged file is fetched once again
            with contextlib.suppress(PresetCorruptError):
                fetch_file(url, partial, size, deadline, self.label)
                if sha256(partial) == digest:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    with partial.open("rb+") as file:
                        os.fsync(file.fileno())
                    os.replace(partial, path)
                    return
            partial.unlink(missing_ok=True)
        raise PresetCorruptError(
            f"Expected {name!r} of {self.label!r} to be as its manifest says ({size} "
            f"bytes, SHA-256 {digest}); two downloads were not. Report it to who made "
            "the preset."
        )


def read_entries(directory: Path, address: str) -> dict[str, tuple[int, str]]:
    """Returns size and SHA-256 of each file that a manifest lists."""
    folder = LocalFolder(directory, address)
    listed = manifest_entries(folder)
    check_names([*listed, MANIFEST, SIGNATURE], address)
    files = {}
    for name, entry in listed.items():
        size = json_value(entry, "size", int, MANIFEST, folder)
        digest = json_value(entry, "sha256", str, MANIFEST, folder)
        if size < 0 or not _HASH.fullmatch(digest):
            raise PresetCorruptError(
                f"Expected a size and a SHA-256 for {name!r} in the manifest of "
                f"{address!r}, received {size} and {digest!r:.100}."
            )
        files[name] = (size, digest)
    check_sizes((size for size, _ in files.values()), address)
    return files


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
