"""The files of a model at Kaggle, fetched when they are asked for."""

from __future__ import annotations

import base64
import functools
import hashlib
import re
import warnings
from collections.abc import Mapping
from pathlib import Path

from domain_core.preset_errors import (
    PresetCorruptError,
    PresetNetworkError,
    PresetNotFoundError,
)
from domain_core.presets.disk import check_free_disk, sha256
from domain_core.presets.folder import Folder, LocalFolder, check_names
from domain_core.presets.manifest import MANIFEST, read_manifest
from domain_core.presets.sources.cache import not_cached
from domain_core.presets.sources.kaggle.cache import CachedVersion, cached_version
from domain_core.presets.sources.kaggle.client import (
    how_to_log_in,
    list_files,
    newest_version,
    signed_address,
)
from domain_core.presets.sources.kaggle.handle import KaggleHandle
from domain_core.presets.sources.retries import Deadline, one_process
from domain_core.presets.sources.source import is_offline
from domain_core.presets.sources.web.client import fetch_file

# Seconds to look for a newer version where an older one is in the cache.
_PATIENCE = 10.0
_MD5 = re.compile(r"\bmd5=([^,\s]+)")


class KaggleFolder(Folder):
    """A version of a model at Kaggle.

    Args:
        handle: with a version.
    """

    def __init__(self, handle: KaggleHandle) -> None:
        self.label = str(handle)
        self._handle = handle
        self._cached = CachedVersion(handle)
        sizes = self._cached.sizes()
        self._sizes = self._list() if sizes is None else sizes

    def sizes(self) -> Mapping[str, int]:
        return self._sizes

    def path(self, name: str) -> Path:
        if self._cached.is_whole(name):
            return self._cached.root / name
        if is_offline():
            raise not_cached(self.label, repr(name))
        digest = self._digest(name)
        # Who holds the lock may be busy with the largest file.
        patience = Deadline(size=sum(self._sizes.values()))
        with one_process(self._cached.lock, patience, self.label):
            if not self._cached.is_whole(name):
                return self._fetch(name, digest)
        return self._cached.root / name

    def is_intact(self, name: str) -> bool | None:
        return self._cached.is_intact(name)

    def discard(self, name: str) -> None:
        with one_process(self._cached.lock, Deadline(), self.label):
            self._cached.discard(name)

    def _list(self) -> Mapping[str, int]:
        if is_offline():
            raise not_cached(self.label, "the list of files")
        deadline = Deadline()
        with one_process(self._cached.lock, deadline, self.label):
            sizes = self._cached.sizes()
            if sizes is not None:
                return sizes
            sizes = list_files(self._handle, deadline)
            check_names(sizes, self.label)
            if not sizes:
                raise PresetNotFoundError(
                    f"Expected files in {self.label!r}; Kaggle lists none. If it was "
                    "uploaded just now, wait some minutes."
                )
            self._cached.begin(sizes)
            return sizes

    def _digest(self, name: str) -> str | None:
        """Returns the SHA-256 that the manifest of a native preset states."""
        if name == MANIFEST or MANIFEST not in self._sizes:
            return None
        files = read_manifest(self).get("files")
        entry = files.get(name) if isinstance(files, dict) else None
        digest = entry.get("sha256") if isinstance(entry, dict) else None
        return digest if isinstance(digest, str) else None

    def _fetch(self, name: str, digest: str | None) -> Path:
        """Downloads and checks a file; once more if it is damaged."""
        size = self._sizes[name]
        deadline = Deadline(size=size)
        check_free_disk(self._cached.root, size, self.label)
        path = self._cached.root / name
        problem = ""
        for _ in range(2):
            self._cached.drop_leftover(name)
            try:
                headers: Mapping[str, str] = {}
                if not path.exists() or path.stat().st_size < size:
                    url = signed_address(self._handle, name, deadline)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    advice = how_to_log_in(self._handle)
                    headers = fetch_file(url, path, size, deadline, self.label, advice)
                md5 = _MD5.search(headers.get("x-goog-hash", ""))
                problem = self._problem(name, path, digest, md5 and md5[1])
            except PresetCorruptError as error:
                problem = str(error)
            if not problem:
                self._cached.add(name, sha256(path))
                return path
            self._cached.discard(name)
        if MANIFEST in self._sizes:
            self._cached.discard(MANIFEST)  # the damage may be there
        raise PresetCorruptError(
            f"Expected {name!r} of {self.label!r} to arrive whole; two downloads did "
            f"not. {problem} Try again, and report it if it stays."
        )

    def _problem(
        self, name: str, path: Path, digest: str | None, md5: str | None
    ) -> str:
        """Says what is wrong with a file, if anything."""
        size, found = self._sizes[name], path.stat().st_size
        if found != size:
            return f"It has {found} bytes in place of {size}."
        if digest is not None and sha256(path) != digest:
            return "Its SHA-256 is not that in the manifest."
        if md5 is not None and md5 != _md5(path):
            return "Its MD5 is not that which the server stated."
        if name == MANIFEST:
            read_manifest(LocalFolder(path.parent, self.label))
        return ""


def newest(handle: KaggleHandle) -> int:
    """Returns the newest version, or the one in the cache if nobody can be asked."""
    cached = cached_version(handle)
    if cached is None:
        if is_offline():
            raise not_cached(str(handle), "some version")
        return newest_version(handle, Deadline())
    try:
        if is_offline():
            raise PresetNetworkError("DOMAIN_CORE_OFFLINE forbids requests.")
        return newest_version(handle, Deadline(_PATIENCE))
    except PresetNetworkError as error:
        warnings.warn(
            f"Using version {cached} of '{handle}' from the cache; whether there is a "
            f"newer one is unknown. {error}",
            stacklevel=4,
        )
        return cached


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        digest = hashlib.file_digest(
            file, functools.partial(hashlib.md5, usedforsecurity=False)
        )
    return base64.b64encode(digest.digest()).decode()
