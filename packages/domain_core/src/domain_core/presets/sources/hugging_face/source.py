"""`hf://org/name[@revision]`: a repository of the Hugging Face Hub.

One request says which files a revision has, how large, and with which hash; the list is
kept in our cache, `hugging_face/<org>--<name>/`, so that a commit needs no request the
next time. The files come through `huggingface_hub`, an extra, into its cache, pinned to
the commit. The client does not compare them with their hashes; we do, once, and
remember it by file and time.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domain_core.preset_errors import PresetNetworkError, PresetUnsafeError
from domain_core.presets.folder import (
    Folder,
    LocalFolder,
    check_names,
    check_sizes,
)
from domain_core.presets.sources.cache import cache_directory, not_cached, write_whole
from domain_core.presets.sources.hugging_face.client import (
    hub_client,
    hub_is_offline,
    with_hub,
)
from domain_core.presets.sources.hugging_face.reader import (
    HubFolder,
    Listed,
    bad_list,
    read_list,
    write_list,
)
from domain_core.presets.sources.hugging_face.writer import upload
from domain_core.presets.sources.retries import Deadline
from domain_core.presets.sources.source import Source

_HANDLE = re.compile(
    r"hf://(?P<repo>[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?)"
    r"(@(?P<revision>[A-Za-z0-9]([\w./-]{0,253}[\w-])?))?",
    re.ASCII | re.IGNORECASE,
)
# What the hub itself does not allow in a name.
_NO_REPO = re.compile(r"--|\.\.|[.-](/|$)|\.git$")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# Seconds to look for a newer commit where an older one is in the cache.
_PATIENCE = 10.0
_SILENCE = 15.0  # seconds without an answer after which a request is sent again


class HuggingFaceSource(Source):
    """Opens `hf://` handles, and uploads to them.

    Args:
        endpoint: address of the hub; None for `HF_ENDPOINT` or the public one.
        cache: directory of the client's files; None for the client's own choice.
    """

    def __init__(self, endpoint: str | None = None, cache: str | None = None) -> None:
        self.endpoint = endpoint
        self.cache = cache

    def open(self, handle: str, **options: Any) -> Folder:
        wanted = options.pop("revision", None)
        if options:
            raise ValueError(
                f"Expected no option but 'revision' for {handle!r:.200}, received "
                f"{sorted(options)}."
            )
        repo, revision = _parse(handle, wanted)
        label = handle if wanted is None else f"{handle}@{wanted}"
        home = cache_directory() / "hugging_face" / repo.replace("/", "--")
        client = hub_client(handle)
        commit = revision if _COMMIT.fullmatch(revision) else _ref(home, revision)
        cached = read_list(home, commit) if commit else None
        if cached is not None and commit == revision:
            return self._folder(label, repo, commit, home, cached)
        if hub_is_offline():
            if cached is not None and commit is not None:
                return self._folder(label, repo, commit, home, cached)
            return self._snapshot(client, label, repo, revision)
        deadline = Deadline(_PATIENCE) if cached is not None else Deadline()
        try:
            newest, files = self._ask(client, label, repo, revision, deadline)
        except PresetNetworkError as error:
            if cached is None or commit is None:
                raise
            warnings.warn(
                f"Using commit {commit} of {label!r} from the cache; whether there is "
                f"a newer one is unknown. {error}",
                stacklevel=2,
            )
            newest, files = commit, cached
        return self._folder(label, repo, newest, home, files)

    def upload(self, handle: str, directory: Path, **options: Any) -> str:
        """Uploads a preset directory to a repository, which is made if need be.

        Args:
            handle: "hf://org/name", or "hf://name" for one of your own.
            directory: the preset. Files of an earlier upload that it does not have
                are deleted.
            **options: `private`, whether a new repository is for you alone;
                `commit_message`.

        Returns:
            The handle with the commit.
        """
        if unknown := set(options) - {"private", "commit_message"}:
            raise ValueError(
                f"Expected the options 'private' and 'commit_message' for {handle!r}, "
                f"received {sorted(unknown)}."
            )
        repo, revision = _parse(handle)
        if revision != "main":
            raise ValueError(f"Expected no revision to upload to, received {handle!r}.")
        hub_client(handle)
        if hub_is_offline():
            raise PresetNetworkError(
                f"Expected to upload to {handle!r}; DOMAIN_CORE_OFFLINE or "
                "HF_HUB_OFFLINE forbids every request."
            )
        return upload(handle, repo, directory, self.endpoint, **options)

    def _ask(
        self, client: Any, label: str, repo: str, revision: str, deadline: Deadline
    ) -> tuple[str, dict[str, Listed]]:
        """Returns the commit of a revision and its files, and keeps the list."""
        api = client.HfApi(endpoint=self.endpoint)
        info = with_hub(
            lambda: api.model_info(
                repo,
                revision=revision,
                files_metadata=True,
                timeout=min(_SILENCE, deadline.left()),
            ),
            label,
            repo,
            deadline,
        )
        commit, listed = info.sha or "", info.siblings or []
        # The hub's own, not the preset's.
        listed = [file for file in listed if file.rfilename != ".gitattributes"]
        if not _COMMIT.fullmatch(commit):
            raise bad_list(label, f"the commit {commit!r:.100}")
        check_names([file.rfilename for file in listed], label)
        files = {file.rfilename: Listed.of(file, label) for file in listed}
        check_sizes((file.size for file in files.values()), label)
        home = cache_directory() / "hugging_face" / repo.replace("/", "--")
        write_list(home, commit, files)
        if commit != revision:
            write_whole(_ref_file(home, revision), commit.encode())
        return commit, files

    def _folder(
        self,
        label: str,
        repo: str,
        commit: str,
        home: Path,
        files: Mapping[str, Listed],
    ) -> Folder:
        where = {"repo_id": repo, "revision": commit, "cache_dir": self.cache}
        return HubFolder(label, home, files, where, self.endpoint)

    def _snapshot(self, client: Any, label: str, repo: str, revision: str) -> Folder:
        """Returns what another library, such as transformers, left in the cache."""
        for name in ("config.json", "manifest.json"):
            path = client.try_to_load_from_cache(
                repo, name, cache_dir=self.cache, revision=revision
            )
            if isinstance(path, str):
                return LocalFolder(Path(path).parent, label)
        raise not_cached(label, "the list of files")


def _parse(handle: str, revision: str | None = None) -> tuple[str, str]:
    """Returns the repository and the revision of a handle."""
    whole = handle if revision is None else f"{handle}@{revision}"
    if ".." in re.split("[/@]", whole):
        raise PresetUnsafeError(
            f"Expected 'hf://org/name' without '..', received {whole!r:.200}. No "
            "request was sent."
        )
    match = _HANDLE.fullmatch(whole)
    if match is None or _NO_REPO.search(match["repo"]):
        raise ValueError(
            "Expected 'hf://org/name' or 'hf://org/name@revision' with a branch, tag "
            f"or commit, received {whole!r:.200}."
        )
    return match["repo"], match["revision"] or "main"


def _ref_file(home: Path, revision: str) -> Path:
    """Returns where the commit of a branch or tag is noted."""
    return home / "refs" / hashlib.sha256(revision.encode()).hexdigest()[:32]


def _ref(home: Path, revision: str) -> str | None:
    try:
        commit = _ref_file(home, revision).read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    return commit if _COMMIT.fullmatch(commit) else None


SOURCE = HuggingFaceSource()
