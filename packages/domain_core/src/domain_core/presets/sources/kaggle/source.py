"""`kaggle://owner/model/framework/variation[/version]`, through `kagglehub`.

Files are fetched when they are asked for and lie in the client's own cache, where other
libraries find them too; `kaggle_cache` says what is kept beside them. A handle with a
version whose files are in the cache needs no request.
"""

from __future__ import annotations

import contextlib
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domain_core.preset_errors import (
    PresetCorruptError,
    PresetError,
    PresetNetworkError,
    PresetNotFoundError,
)
from domain_core.presets.disk import check_free_disk, sha256
from domain_core.presets.folder import Folder, LocalFolder, check_names
from domain_core.presets.json_files import read_json
from domain_core.presets.sources.cache import not_cached
from domain_core.presets.sources.kaggle import client as kaggle_client
from domain_core.presets.sources.kaggle.cache import CachedVersion, cached_version
from domain_core.presets.sources.kaggle.handle import KaggleHandle, parse_kaggle_handle
from domain_core.presets.sources.kaggle.notebook import notebook_directory
from domain_core.presets.sources.source import Source, is_offline
from domain_core.presets.sources.transfer import (
    Deadline,
    Retry,
    one_process,
    with_retries,
)
from domain_core.presets.verifying import MANIFEST, MAX_MANIFEST_BYTES

# Seconds to look for a newer version where an older one is in the cache.
_PATIENCE = 10.0


class KaggleSource(Source):
    """Opens `kaggle://` handles, and takes uploads."""

    def open(self, handle: str, **options: Any) -> Folder:
        if options:
            raise ValueError(
                f"Expected no options for {handle[:200]!r}, received "
                f"{sorted(options)}. Put the version at the end of the handle."
            )
        parsed = parse_kaggle_handle(handle)
        mounted = notebook_directory(parsed)
        if mounted is not None:
            return LocalFolder(mounted, str(parsed))
        if parsed.version is None:
            parsed = KaggleHandle(*parsed.parts, _newest(parsed))
        return _KaggleFolder(parsed)

    def upload(self, handle: str, directory: Path, **options: Any) -> str:
        """Uploads a preset directory as a new version.

        Args:
            handle: without a version: Kaggle counts.
            directory: whose files to upload.
            **options: `license_name` and `version_notes` for Kaggle.

        Returns:
            The handle with the version; without, if Kaggle does not tell it yet.
        """
        parsed = parse_kaggle_handle(handle)
        unknown = sorted(options.keys() - {"license_name", "version_notes"})
        if parsed.version is not None or unknown:
            raise ValueError(
                "Expected a handle without a version, and 'license_name' and "
                f"'version_notes' as options, received '{parsed}' and {unknown}. "
                "Kaggle gives the next version itself."
            )
        if is_offline():
            raise PresetNetworkError(
                f"Expected to upload to '{parsed}', but DOMAIN_CORE_OFFLINE forbids "
                "requests. Unset it."
            )
        size = sum(LocalFolder(directory).sizes().values())
        deadline = Deadline(size=size)
        with_retries(
            lambda: kaggle_client.upload(parsed, directory, deadline, **options),
            lambda error: _explain_upload(error, parsed),
            deadline,
            str(parsed),
        )
        with contextlib.suppress(PresetError):
            return str(KaggleHandle(*parsed.parts, _ask_newest(parsed, Deadline())))
        return str(parsed)


class _KaggleFolder(Folder):
    """A version of a model at Kaggle."""

    def __init__(self, handle: KaggleHandle) -> None:
        self.label = str(handle)
        self._handle = handle
        self._cached = CachedVersion(handle)
        self._elsewhere: dict[str, Path] = {}
        sizes = self._cached.sizes()
        self._sizes = self._list() if sizes is None else sizes

    def sizes(self) -> Mapping[str, int]:
        return self._sizes

    def path(self, name: str) -> Path:
        if name in self._elsewhere:
            return self._elsewhere[name]
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
            sizes = with_retries(
                lambda: kaggle_client.list_files(self._handle, deadline),
                lambda error: kaggle_client.explain(error, self._handle),
                deadline,
                self.label,
            )
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
        files = read_json(self, MANIFEST, MAX_MANIFEST_BYTES).get("files")
        entry = files.get(name) if isinstance(files, dict) else None
        digest = entry.get("sha256") if isinstance(entry, dict) else None
        return digest if isinstance(digest, str) else None

    def _fetch(self, name: str, digest: str | None) -> Path:
        """Downloads and checks a file; once more if it is damaged."""
        size = self._sizes[name]
        deadline = Deadline(size=size)
        check_free_disk(self._cached.root, size, self.label)
        problem = ""
        for _ in range(2):
            self._cached.drop_leftover(name)
            try:
                path = with_retries(
                    lambda: kaggle_client.download(self._handle, name, size, deadline),
                    lambda error: _explain_download(error, self._handle),
                    deadline,
                    self.label,
                )
                problem = self._problem(name, path, digest)
            except PresetCorruptError as error:
                problem = str(error)
            if not problem:
                return self._accept(name, path)
            self._cached.discard(name)
        if MANIFEST in self._sizes:
            self._cached.discard(MANIFEST)  # the damage may be there
        raise PresetCorruptError(
            f"Expected {name!r} of {self.label!r} to arrive whole; two downloads did "
            f"not. {problem} Try again, and report it if it stays."
        )

    def _accept(self, name: str, path: Path) -> Path:
        if path == self._cached.root / name:
            self._cached.add(name, sha256(path))
        else:  # mounted: Colab has its own place
            self._elsewhere[name] = path
        return path

    def _problem(self, name: str, path: Path, digest: str | None) -> str:
        """Says what is wrong with a file, if anything."""
        size, found = self._sizes[name], path.stat().st_size
        if found != size:
            return f"It has {found} bytes in place of {size}."
        if digest is not None and sha256(path) != digest:
            return "Its SHA-256 is not that in the manifest."
        if name == MANIFEST:
            read_json(
                LocalFolder(path.parent, self.label), MANIFEST, MAX_MANIFEST_BYTES
            )
        return ""


def _newest(handle: KaggleHandle) -> int:
    """Returns the newest version, or the one in the cache if nobody can be asked."""
    cached = cached_version(handle)
    if cached is None:
        if is_offline():
            raise not_cached(str(handle), "some version")
        return _ask_newest(handle, Deadline())
    try:
        if is_offline():
            raise PresetNetworkError("DOMAIN_CORE_OFFLINE forbids requests.")
        return _ask_newest(handle, Deadline(_PATIENCE))
    except PresetNetworkError as error:
        warnings.warn(
            f"Using version {cached} of '{handle}' from the cache; whether there is a "
            f"newer one is unknown. {error}",
            stacklevel=4,
        )
        return cached


def _ask_newest(handle: KaggleHandle, deadline: Deadline) -> int:
    return with_retries(
        lambda: kaggle_client.newest_version(handle, deadline),
        lambda error: kaggle_client.explain(error, handle),
        deadline,
        str(handle),
    )


def _explain_download(error: Exception, handle: KaggleHandle) -> Retry | PresetError:
    if isinstance(error, kaggle_client.Damaged):
        return PresetCorruptError("Its MD5 is not that which the server stated.")
    return kaggle_client.explain(error, handle)


def _explain_upload(error: Exception, handle: KaggleHandle) -> Retry | PresetError:
    """Retries only what Kaggle refused to begin: there must be one new version."""
    verdict = kaggle_client.explain(error, handle)
    if isinstance(verdict, Retry) and not re.fullmatch(
        "HTTP (429|503)", verdict.reason
    ):
        return PresetNetworkError(
            f"Expected to upload to '{handle}'; it failed on the way ({verdict.reason})"
            f". See at {handle.page()} whether there is a new version, then try again."
        )
    return verdict


SOURCE = KaggleSource()
