"""The files of one commit on the Hugging Face Hub, and how they are checked."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.disk import check_free_disk, sha256
from domain_core.presets.folder import Folder
from domain_core.presets.sources.cache import not_cached, write_whole
from domain_core.presets.sources.hugging_face.client import (
    hub_client,
    hub_is_offline,
    with_hub,
)
from domain_core.presets.sources.progress import bar_class
from domain_core.presets.sources.retries import Deadline, one_process

# Of the content (large files) or of the content as a git object (small ones).
_HASHES = {"sha256": re.compile(r"[0-9a-f]{64}"), "git": re.compile(r"[0-9a-f]{40}")}


class HubFolder(Folder):
    """The files of one commit.

    Args:
        label: what the user asked for.
        home: directory of what we note about the repository.
        files: size and hash of each, by name.
        where: `repo_id`, `revision` (the commit) and `cache_dir`, as the client's
            functions take them.
        endpoint: address of the hub, or None.
    """

    def __init__(
        self,
        label: str,
        home: Path,
        files: Mapping[str, Listed],
        where: Mapping[str, Any],
        endpoint: str | None,
    ) -> None:
        self.label = label
        self._home = home
        self._files = files
        self._where = where
        self._endpoint = endpoint

    def sizes(self) -> Mapping[str, int]:
        return {name: file.size for name, file in self._files.items()}

    def path(self, name: str) -> Path:
        path = self._cached(name)
        if path is not None and self._is_checked(name, path):
            return path
        deadline = Deadline(size=self._files[name].size)
        with one_process(self._home / "lock", deadline, self.label):
            path = self._cached(name)
            if path is not None and self._is_checked(name, path):
                return path
            for _ in range(2):  # a damaged file is fetched once again
                if path is None:
                    if hub_is_offline():
                        raise not_cached(self.label, repr(name))
                    path = self._download(name, deadline)
                if path is not None and self._files[name].fits(path):
                    self._mark_checked(name, path)
                    return path
                if path is not None:
                    _remove(path)
                path = None
        raise PresetCorruptError(
            f"Expected {name!r} of {self.label!r} to be as the hub lists it "
            f"({self._files[name].size} bytes, hash {self._files[name].digest}); it "
            "was not, twice. Try again later, or check your proxy."
        )

    def is_intact(self, name: str) -> bool | None:
        path = self._cached(name)
        return None if path is None else self._files[name].fits(path)

    def discard(self, name: str) -> None:
        with one_process(self._home / "lock", Deadline(), self.label):
            if path := self._cached(name):
                _remove(path)

    def _download(self, name: str, deadline: Deadline) -> Path | None:
        """Returns where a new file lies; None if the client noticed the damage."""
        client = hub_client(self.label)
        size = self._files[name].size
        place = self._where["cache_dir"] or client.constants.HF_HUB_CACHE
        check_free_disk(Path(place), size, self.label)

        def fetch() -> str:
            return client.hf_hub_download(
                filename=name,
                endpoint=self._endpoint,
                tqdm_class=bar_class(size, deadline, self.label),
                **self._where,
            )

        with contextlib.suppress(PresetCorruptError):
            return Path(with_hub(fetch, self.label, self._where["repo_id"], deadline))
        return None

    def _cached(self, name: str) -> Path | None:
        client = hub_client(self.label)
        path = client.try_to_load_from_cache(filename=name, **self._where)
        return Path(path) if isinstance(path, str) else None

    def _mark(self, name: str, path: Path) -> tuple[Path, str]:
        status = path.stat()
        mark = self._home / "checked" / self._files[name].digest
        return mark, f"{status.st_size} {status.st_mtime_ns}"

    def _mark_checked(self, name: str, path: Path) -> None:
        mark, text = self._mark(name, path)
        with contextlib.suppress(OSError):  # the cache may be read-only
            write_whole(mark, text.encode())

    def _is_checked(self, name: str, path: Path) -> bool:
        try:
            mark, text = self._mark(name, path)
            return mark.read_text(encoding="ascii") == text
        except OSError:
            return False


class Listed:
    """Size and hash of a file."""

    def __init__(self, size: int, kind: str, digest: str) -> None:
        if (
            isinstance(size, bool)
            or not isinstance(size, int)
            or size < 0
            or not isinstance(digest, str)
            or not _HASHES[kind].fullmatch(digest)
        ):
            raise ValueError(f"size {size!r:.100} and {kind} hash {digest!r:.100}")
        self.size = size
        self.kind = kind
        self.digest = digest

    @classmethod
    def of(cls, sibling: Any, label: str) -> Listed:
        """Returns what the client says of a file, if that makes sense."""
        lfs = sibling.lfs
        kind, digest = ("sha256", lfs.sha256) if lfs else ("git", sibling.blob_id)
        try:
            return cls(lfs.size if lfs else sibling.size, kind, digest)
        except ValueError as error:
            raise bad_list(label, f"{sibling.rfilename!r} with {error}") from error

    def fits(self, path: Path) -> bool:
        """Whether a file has this content."""
        if path.stat().st_size != self.size:
            return False
        if self.kind == "sha256":
            return sha256(path) == self.digest
        # Small by the rules of the hub, which keeps larger files apart from git.
        digest = hashlib.sha1(f"blob {self.size}\0".encode(), usedforsecurity=False)
        with path.open("rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
        return digest.hexdigest() == self.digest


def read_list(home: Path, commit: str) -> dict[str, Listed] | None:
    """Returns the list that an earlier call kept; None if there is none, or half."""
    try:
        content = json.loads((home / f"{commit}.json").read_bytes())
        return {name: Listed(*entry) for name, entry in content.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_list(home: Path, commit: str, files: Mapping[str, Listed]) -> None:
    """Keeps the list of the files of a commit."""
    content = {name: [f.size, f.kind, f.digest] for name, f in files.items()}
    write_whole(home / f"{commit}.json", json.dumps(content).encode())


def bad_list(label: str, received: str) -> PresetCorruptError:
    """Returns the error for a list of files that can't be right."""
    return PresetCorruptError(
        f"Expected the hub to list the files of {label!r} with size and hash, received "
        f"{received}. Check HF_ENDPOINT and your proxy."
    )


def _remove(path: Path) -> None:
    """Removes a file from the client's cache, with the blob that it links to."""
    blob = path.resolve()
    path.unlink(missing_ok=True)
    if blob.parent.name == "blobs":
        blob.unlink(missing_ok=True)
