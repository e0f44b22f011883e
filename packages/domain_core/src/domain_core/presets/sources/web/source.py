"""`https://host/path/`: a preset directory of this library on any web server.

`manifest.json` says which files there are, how large, and with which SHA-256; one
request gets it, another asks for a signature when it is new. Files are fetched when
they are asked for, and kept in

```
<cache>/web/<hash of the address>/
    newest                  name of the directory used last
    <hash of the manifest>/
        files/              complete and checked
        partial/            what a cut connection left, by SHA-256
```
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from domain_core.preset_errors import (
    PresetAccessError,
    PresetCorruptError,
    PresetError,
    PresetNetworkError,
    PresetNotFoundError,
)
from domain_core.presets.disk import check_free_disk, sha256
from domain_core.presets.folder import (
    Folder,
    LocalFolder,
    check_names,
    check_sizes,
)
from domain_core.presets.json_files import json_value, read_json
from domain_core.presets.sources.cache import cache_directory, not_cached, write_whole
from domain_core.presets.sources.source import Source, is_offline
from domain_core.presets.sources.transfer import Deadline, one_process
from domain_core.presets.sources.web.client import fetch_file, fetch_small
from domain_core.presets.verifying import MANIFEST, MAX_MANIFEST_BYTES, SIGNATURE

_MAX_SIGNATURE_BYTES = 2**20
# Seconds to look for a newer preset where an older one is in the cache.
_PATIENCE = 10.0
_HASH = re.compile(r"[0-9a-f]{64}")
_MAX_ADDRESS = 2000


class WebSource(Source):
    """Opens `https://` handles."""

    def open(self, handle: str, **options: Any) -> Folder:
        address = _address(handle)
        if options:
            raise ValueError(
                f"Expected no options for {address!r}, received {sorted(options)}."
            )
        try:
            import requests  # noqa: F401
        except Exception as error:  # a broken one too
            raise PresetError(
                f"Expected the package requests for {address!r}; importing it failed: "
                f"{type(error).__name__}. Install it: `pip install requests`."
            ) from error
        digest = hashlib.sha256(address.encode()).hexdigest()[:32]
        home = cache_directory() / "web" / digest
        cached = _newest(home, address)
        if is_offline():
            if cached is None:
                raise not_cached(address, MANIFEST)
            return cached
        deadline = Deadline(_PATIENCE) if cached else Deadline()
        try:
            with one_process(home / "lock", deadline, address):
                return _fetch_manifest(home, address, deadline)
        except PresetNetworkError as error:
            if cached is None:
                raise
            warnings.warn(
                f"Using the files of {address!r} from the cache; whether there are "
                f"newer ones is unknown. {error}",
                stacklevel=2,
            )
            return cached


class _WebFolder(Folder):
    """A preset on a web server, whose manifest is in the cache."""

    def __init__(self, directory: Path, address: str) -> None:
        self.label = address
        self._directory = directory
        self._files = _read_manifest(directory / "files", address)

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


def _address(handle: str) -> str:
    """Returns the address of the directory, with a slash at its end."""
    parts = host = None
    with contextlib.suppress(ValueError):  # a bad port or IPv6 address
        parts = urlsplit(handle)
        host = parts.hostname and (parts.port, parts.hostname)
    plain = (
        parts is not None
        and host
        and parts.scheme == "https"
        and "@" not in parts.netloc
        and not re.search(r"[?#\\\s\x00-\x1f\x7f]", handle)
        and len(handle) <= _MAX_ADDRESS
    )
    if parts is None or not plain:
        # Not the handle itself: it may hold a password.
        raise ValueError(
            "Expected 'https://host/path/' of a preset directory, without user name, "
            "password, query, fragment or blanks, received something else. Put a login "
            "into ~/.netrc."
        )
    return f"https://{parts.netloc}{parts.path.rstrip('/')}/"


def _newest(home: Path, address: str) -> _WebFolder | None:
    """Returns what was used last, if its manifest is in the cache."""
    try:
        name = (home / "newest").read_text(encoding="ascii").strip()
        return _WebFolder(home / name, address) if _HASH.fullmatch(name) else None
    except (OSError, PresetError):
        return None


def _fetch_manifest(home: Path, address: str, deadline: Deadline) -> _WebFolder:
    """Puts the manifest, and a signature if there is one, into the cache."""
    damage: PresetCorruptError | None = None
    for _ in range(2):  # it has no hash: one that makes no sense is fetched once again
        try:
            content = fetch_small(address, MANIFEST, MAX_MANIFEST_BYTES, deadline)
            _check_manifest(content, home, address)
        except PresetCorruptError as error:
            damage = error
            continue
        digest = hashlib.sha256(content).hexdigest()
        files = home / digest / "files"
        if not _holds(files / MANIFEST, content):
            # Some servers refuse what they do not have.
            with contextlib.suppress(PresetNotFoundError, PresetAccessError):
                signature = fetch_small(
                    address, SIGNATURE, _MAX_SIGNATURE_BYTES, deadline
                )
                write_whole(files / SIGNATURE, signature)
            write_whole(files / MANIFEST, content)
        write_whole(home / "newest", digest.encode())
        return _WebFolder(home / digest, address)
    assert damage is not None
    raise damage


def _check_manifest(content: bytes, home: Path, address: str) -> None:
    with tempfile.TemporaryDirectory(prefix=".", dir=home) as directory:
        Path(directory, MANIFEST).write_bytes(content)
        _read_manifest(Path(directory), address)


def _read_manifest(directory: Path, address: str) -> dict[str, tuple[int, str]]:
    """Returns size and SHA-256 of each file that a manifest lists."""
    folder = LocalFolder(directory, address)
    manifest = read_json(folder, MANIFEST, MAX_MANIFEST_BYTES)
    listed = json_value(manifest, "files", dict, MANIFEST, folder)
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


def _holds(path: Path, content: bytes) -> bool:
    return _has_size(path, len(content)) and path.read_bytes() == content


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


SOURCE = WebSource()
