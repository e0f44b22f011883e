"""What the cache of `kagglehub` holds of a preset.

```
<cache>/models/<owner>/<model>/<framework>/<variation>/
    <version>/              the files
    <version>.complete      the client's mark that it has fetched all of them
    .complete/<version>/    its marks for single files; we set them too
    .domain_core/<version>.json
                            ours: size of every file, SHA-256 of those that were
                            fetched and checked
<cache>/.locks/             ours
```
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from domain_core.preset_errors import PresetError
from domain_core.presets.disk import sha256
from domain_core.presets.folder import LocalFolder, check_names
from domain_core.presets.sources.cache import write_whole
from domain_core.presets.sources.kaggle.handle import KaggleHandle


class CachedVersion:
    """One version of a preset in the cache, complete or not.

    Args:
        handle: with a version.

    Attributes:
        root: directory of its files.
        lock: lock file for who downloads.
    """

    def __init__(self, handle: KaggleHandle) -> None:
        home = _home(handle)
        version = str(handle.version)
        self._label = str(handle)
        self.root = home / version
        self.lock = kaggle_cache_directory().joinpath(
            ".locks", *handle.parts, f"{version}.lock"
        )
        self._all_fetched = home / f"{version}.complete"
        self._marks = home / ".complete" / version
        self._record = home / ".domain_core" / f"{version}.json"

    def sizes(self) -> dict[str, int] | None:
        """Returns the size of every file in bytes, or None if that is not known."""
        record = self._read()
        if record is not None:
            return {name: size for name, (size, _) in record.items()}
        if self._all_fetched.is_file() and self.root.is_dir():
            return dict(LocalFolder(self.root, self._label).sizes())
        return None

    def is_whole(self, name: str) -> bool:
        """Whether a file was fetched, checked, and is still as long as then."""
        record = self._read()
        path = self.root / name
        if record is None:
            return self._all_fetched.is_file() and path.is_file()
        size, digest = record[name]
        return digest is not None and path.is_file() and path.stat().st_size == size

    def is_complete(self) -> bool:
        """Whether every file is whole."""
        sizes = self.sizes()
        return bool(sizes) and all(self.is_whole(name) for name in sizes or ())

    def begin(self, sizes: Mapping[str, int]) -> None:
        """Notes which files there are."""
        self._write({name: (size, None) for name, size in sizes.items()})

    def add(self, name: str, digest: str) -> None:
        """Notes that a file was fetched and checked."""
        record = self._read()
        if record is not None:
            self._write({**record, name: (record[name][0], digest)})
            self._mark(name).parent.mkdir(parents=True, exist_ok=True)
            self._mark(name).touch()

    def drop_leftover(self, name: str) -> None:
        """Removes what a cut download left, if that is not the file's beginning."""
        size = (self.sizes() or {}).get(name, 0)
        path = self.root / name
        if (
            path.is_file()
            and path.stat().st_size >= size
            and not self._mark(name).exists()
        ):
            path.unlink()

    def is_intact(self, name: str) -> bool | None:
        """Whether a file has the hash that it had when it was fetched, if we know."""
        digest = (self._read() or {}).get(name, (0, None))[1]
        path = self.root / name
        return sha256(path) == digest if digest and path.is_file() else None

    def discard(self, name: str) -> None:
        """Removes a file, and what says that it was fetched."""
        self._mark(name).unlink(missing_ok=True)
        record = self._read()
        if record is not None:
            self._write({**record, name: (record[name][0], None)})
        # The client's mark for all files holds no longer.
        self._all_fetched.unlink(missing_ok=True)
        (self.root / name).unlink(missing_ok=True)

    def _mark(self, name: str) -> Path:
        return self._marks / f"{name}.complete"

    def _read(self) -> dict[str, tuple[int, str | None]] | None:
        """Returns size and SHA-256 of each file; None without a record we can use."""
        try:
            files = json.loads(self._record.read_text(encoding="utf-8"))["files"]
            check_names(files, self._label)
            return {
                name: (int(entry["size"]), entry.get("sha256"))
                for name, entry in files.items()
            }
        except (OSError, ValueError, KeyError, TypeError, AttributeError, PresetError):
            return None

    def _write(self, record: Mapping[str, tuple[int, str | None]]) -> None:
        files = {
            name: {"size": size} if digest is None else {"size": size, "sha256": digest}
            for name, (size, digest) in record.items()
        }
        write_whole(self._record, json.dumps({"files": files}).encode())


def cached_version(handle: KaggleHandle) -> int | None:
    """Returns the newest version that is complete, else the newest there is any of."""
    home = _home(handle)
    names = [p.stem for p in home.glob(".domain_core/*.json")]
    names += [p.stem for p in home.glob("*.complete")]
    found = {}
    for name in names:
        if re.fullmatch(r"[1-9][0-9]{0,8}", name):
            version = CachedVersion(KaggleHandle(*handle.parts, int(name)))
            if version.sizes():
                found[int(name)] = version.is_complete()
    return max(found, key=lambda v: (found[v], v), default=None)


def kaggle_cache_directory() -> Path:
    """Returns where the client keeps its files; it need not be installed for that."""
    chosen = os.environ.get("KAGGLEHUB_CACHE")
    return Path(chosen).absolute() if chosen else Path.home() / ".cache" / "kagglehub"


def _home(handle: KaggleHandle) -> Path:
    return kaggle_cache_directory().joinpath("models", *handle.parts)
