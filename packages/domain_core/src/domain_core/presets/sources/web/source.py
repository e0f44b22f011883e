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
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from domain_core.preset_errors import (
    PresetAccessError,
    PresetCorruptError,
    PresetError,
    PresetNetworkError,
    PresetNotFoundError,
)
from domain_core.presets.folder import (
    Folder,
)
from domain_core.presets.manifest import MANIFEST, MAX_MANIFEST_BYTES, SIGNATURE
from domain_core.presets.sources.cache import cache_directory, not_cached, write_whole
from domain_core.presets.sources.retries import Deadline, one_process
from domain_core.presets.sources.source import Source, is_offline
from domain_core.presets.sources.web.client import fetch_small
from domain_core.presets.sources.web.reader import WebFolder, read_entries

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


def _newest(home: Path, address: str) -> WebFolder | None:
    """Returns what was used last, if its manifest is in the cache."""
    try:
        name = (home / "newest").read_text(encoding="ascii").strip()
        return WebFolder(home / name, address) if _HASH.fullmatch(name) else None
    except (OSError, PresetError):
        return None


def _fetch_manifest(home: Path, address: str, deadline: Deadline) -> WebFolder:
    """Puts the manifest, and a signature if there is one, into the cache."""
    damage: PresetCorruptError | None = None
    for _ in range(2):  # it has no hash: one that makes no sense is fetched once again
        try:
            content = fetch_small(address, MANIFEST, MAX_MANIFEST_BYTES, deadline)
            if content.lstrip().startswith(b"<"):
                raise PresetNetworkError(
                    f"Expected {MANIFEST!r} from {address!r}; a web page came instead, "
                    "such as the login of a hotel's network. Open the address in a "
                    "browser, and try again."
                )
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
        return WebFolder(home / digest, address)
    assert damage is not None
    raise damage


def _check_manifest(content: bytes, home: Path, address: str) -> None:
    with tempfile.TemporaryDirectory(prefix=".", dir=home) as directory:
        Path(directory, MANIFEST).write_bytes(content)
        read_entries(Path(directory), address)


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.read_bytes() == content


SOURCE = WebSource()
