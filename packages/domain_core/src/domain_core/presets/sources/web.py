"""`https://host/path/`: a preset directory of this library on any web server.

`manifest.json` says which files there are, how large, and with which SHA-256. Files are
fetched when they are asked for and kept in

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
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from domain_core.preset_errors import (
    PresetCorruptError,
    PresetError,
    PresetNetworkError,
    PresetUnsafeError,
)
from domain_core.presets.disk import check_free_disk, sha256
from domain_core.presets.folder import Folder, LocalFolder, check_names
from domain_core.presets.json_files import json_value, read_json
from domain_core.presets.native import MANIFEST
from domain_core.presets.sources.cache import cache_directory, not_cached, write_whole
from domain_core.presets.sources.http_answers import explain_status
from domain_core.presets.sources.progress import bar_class
from domain_core.presets.sources.source import Source, is_offline
from domain_core.presets.sources.transfer import (
    Deadline,
    Retry,
    in_time,
    one_process,
    with_retries,
)

_MAX_MANIFEST = 8 * 2**20
_CHUNK = 2**18
# Seconds without a byte after which the connection is given up and made anew.
_SILENCE = 15.0
# Seconds to look for a newer preset where an older one is in the cache.
_PATIENCE = 10.0
_LOG_IN = (
    "If it needs a login, put it into the file ~/.netrc (machine, login, password), "
    "never into the address."
)
_HASH = re.compile(r"[0-9a-f]{64}")
_MAX_ADDRESS = 2000


class WebSource(Source):
    """Opens `https://` handles."""

    def open(self, handle: str, **options: Any) -> Folder:
        if options:
            raise ValueError(
                f"Expected no options for {handle!r:.200}, received {sorted(options)}."
            )
        address = _address(handle)
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
        self._manifest = directory / "files" / MANIFEST
        self._files = _read_manifest(self._manifest.parent, address)

    def sizes(self) -> Mapping[str, int]:
        sizes = {name: size for name, (size, _) in self._files.items()}
        return {**sizes, MANIFEST: self._manifest.stat().st_size}

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

    def _download(self, name: str, path: Path, deadline: Deadline) -> None:
        """Puts a file in its place, complete and checked."""
        size, digest = self._files[name]
        check_free_disk(self._directory, size, self.label)
        partial = self._directory / "partial" / digest
        partial.parent.mkdir(parents=True, exist_ok=True)
        url = self.label + quote(name)
        for _ in range(2):  # a damaged file is fetched once again
            with contextlib.suppress(PresetCorruptError):
                with_retries(
                    lambda: in_time(
                        lambda: _append(url, partial, size, deadline, self.label),
                        deadline,
                        self.label,
                    ),
                    lambda error: _explain(error, self.label),
                    deadline,
                    self.label,
                )
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


class _DamagedError(PresetCorruptError):
    """What the server sends can't be the file."""

    def __init__(self, label: str) -> None:
        super().__init__(f"Expected a whole file from {label!r}; it was another.")


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
    """Puts the manifest into the cache, if it makes sense."""

    def fetch() -> bytes:
        with _get(address + MANIFEST, {}, deadline) as response:
            content = b""
            for chunk in response.iter_content(_CHUNK):
                content += chunk
                if len(content) > _MAX_MANIFEST:
                    raise PresetUnsafeError(
                        f"Expected a manifest of at most {_MAX_MANIFEST} bytes at "
                        f"{address!r}; the server sends more. Nothing was written."
                    )
        return content

    damage: PresetCorruptError | None = None
    for _ in range(2):  # it has no hash: one that makes no sense is fetched once again
        try:
            content = with_retries(
                lambda: in_time(fetch, deadline, address),
                lambda error: _explain(error, address),
                deadline,
                address,
            )
            _check_manifest(content, home, address)
        except PresetCorruptError as error:
            damage = error
            continue
        digest = hashlib.sha256(content).hexdigest()
        place = home / digest / "files" / MANIFEST
        if not _has_size(place, len(content)):
            write_whole(place, content)
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
    manifest = read_json(folder, MANIFEST, _MAX_MANIFEST)
    listed = json_value(manifest, "files", dict, MANIFEST, folder)
    check_names([*listed, MANIFEST], address)
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
    return files


def _append(url: str, partial: Path, size: int, deadline: Deadline, label: str) -> None:
    """Fetches what is missing of a file.

    Raises:
        PresetCorruptError: if the server has a file of another size.
        requests.RequestException: if the connection is cut; what came stays.
    """
    import requests

    have = partial.stat().st_size if partial.exists() else 0
    if partial.exists() and have >= size:
        return
    headers = {"Range": f"bytes={have}-"} if have else {}
    with _get(url, headers, deadline) as response, partial.open("ab") as file:
        answered = response.headers.get("Content-Range", "")
        if response.status_code != 206 or not answered.startswith(f"bytes {have}-"):
            if response.status_code == 206:
                raise _DamagedError(label)  # another part than asked for
            file.truncate(0)
            have = 0
        length = response.headers.get("Content-Length")
        if length is not None and length != str(size - have):
            raise _DamagedError(label)
        with bar_class(size, deadline, label)(
            initial=have, desc=url.rsplit("/", 1)[-1]
        ) as bar:
            for chunk in response.iter_content(_CHUNK):
                bar.update(len(chunk))
                file.write(chunk)
                have += len(chunk)
    if have < size:
        raise requests.ConnectionError("the body was cut")


@contextlib.contextmanager
def _get(url: str, headers: dict[str, str], deadline: Deadline) -> Iterator[Any]:
    """Yields the response to a GET request, whose body is still to be read."""
    import requests

    with requests.Session() as session:
        # Nothing but https, redirects too.
        session.adapters.pop("http://")
        timeout = min(_SILENCE, deadline.left())
        with session.get(
            url,
            headers={**headers, "Accept-Encoding": "identity"},
            timeout=timeout,
            stream=True,
        ) as response:
            if response.status_code == 416:
                raise _DamagedError(url)
            response.raise_for_status()
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise _DamagedError(url)  # packed, though we asked for it plain
            yield response


def _explain(error: Exception, label: str) -> Retry | PresetError:
    """Says what an exception of `requests` means; its text may hold a password."""
    import requests

    response = getattr(error, "response", None)
    if isinstance(error, requests.HTTPError) and response is not None:
        return explain_status(response.status_code, response.headers, label, _LOG_IN)
    if isinstance(error, requests.exceptions.InvalidSchema):
        return PresetUnsafeError(
            f"Expected {label!r} to stay on https; the server sends us to an address "
            "without encryption. Nothing was written; tell who runs the server."
        )
    if isinstance(error, requests.exceptions.SSLError):
        return PresetNetworkError(
            f"Expected the server of {label!r} to prove who it is; its certificate "
            "did not. Set REQUESTS_CA_BUNDLE to the certificates of your organization "
            "if it has its own."
        )
    if isinstance(error, requests.RequestException):
        return Retry(type(error).__name__)
    raise error


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


SOURCE = WebSource()
