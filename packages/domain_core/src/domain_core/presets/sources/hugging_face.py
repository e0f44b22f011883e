"""`hf://org/name[@revision]`: a repository of the Hugging Face Hub.

One request says which files a revision has, how large, and with which hash; the list is
kept in our cache, `hugging_face/<org>--<name>/`, so that a commit needs no request the
next time. The files come through `huggingface_hub`, an extra, into its cache, pinned to
the commit. The client does not compare them with their hashes; we do, once, and
remember it by file and time.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from domain_core.preset_errors import (
    PresetAccessError,
    PresetCorruptError,
    PresetError,
    PresetNetworkError,
    PresetNotFoundError,
    PresetUnsafeError,
)
from domain_core.presets.disk import check_free_disk, sha256
from domain_core.presets.folder import Folder, LocalFolder, check_names
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

T = TypeVar("T")

_HANDLE = re.compile(
    r"hf://(?P<repo>[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?)"
    r"(@(?P<revision>[A-Za-z0-9]([\w./-]{0,253}[\w-])?))?",
    re.ASCII | re.IGNORECASE,
)
# What the hub itself does not allow in a name.
_NO_REPO = re.compile(r"--|\.\.|[.-](/|$)|\.git$")
_COMMIT = re.compile(r"[0-9a-f]{40}")
# Of the content (large files) or of the content as a git object (small ones).
_HASHES = {"sha256": re.compile(r"[0-9a-f]{64}"), "git": re.compile(r"[0-9a-f]{40}")}
# Seconds to look for a newer commit where an older one is in the cache.
_PATIENCE = 10.0
_SILENCE = 15.0  # seconds without an answer after which a request is sent again
# What an upload may delete of an earlier one: files that a preset is made of.
_OF_A_PRESET = ["*.json", "*.safetensors", "*.h5", "assets/*"]


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
        repo, revision = _parse(handle, **options)
        label = handle
        home = cache_directory() / "hugging_face" / repo.replace("/", "--")
        client = _client(handle)
        commit = revision if _COMMIT.fullmatch(revision) else _ref(home, revision)
        cached = _read_list(home, commit) if commit else None
        if cached is not None and commit == revision:
            return _HubFolder(self, label, repo, commit, home, cached)
        if _is_offline():
            if cached is not None and commit is not None:
                return _HubFolder(self, label, repo, commit, home, cached)
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
        return _HubFolder(self, label, repo, newest, home, files)

    def upload(
        self,
        handle: str,
        directory: Path,
        *,
        private: bool | None = None,
        commit_message: str = "Upload a preset",
    ) -> str:
        """Uploads a preset directory to a repository, which is made if need be.

        Args:
            handle: "hf://org/name", or "hf://name" for one of your own.
            directory: the preset. Files of an earlier upload that it does not have
                are deleted.
            private: whether a new repository is for you alone.
            commit_message: of the commit.

        Returns:
            The handle with the commit.
        """
        repo, revision = _parse(handle)
        if revision != "main":
            raise ValueError(f"Expected no revision to upload to, received {handle!r}.")
        client = _client(handle)
        if _is_offline():
            raise PresetNetworkError(
                f"Expected to upload to {handle!r}; DOMAIN_CORE_OFFLINE or "
                "HF_HUB_OFFLINE forbids every request."
            )
        size = sum(p.stat().st_size for p in directory.rglob("*") if p.is_file())
        deadline = Deadline(size=size)
        api = client.HfApi(endpoint=self.endpoint)

        def upload() -> str:
            name = api.create_repo(repo, private=private, exist_ok=True).repo_id
            commit = api.upload_folder(
                repo_id=name,
                folder_path=directory,
                commit_message=commit_message,
                delete_patterns=_OF_A_PRESET,
            )
            return f"hf://{name}@{commit.oid}"

        return self._retried(upload, handle, repo, deadline)

    def fetch(
        self,
        label: str,
        repo: str,
        commit: str,
        name: str,
        size: int,
        deadline: Deadline,
    ) -> Path:
        """Downloads a file, and returns where the client put it."""
        client = _client(label)
        return Path(
            self._retried(
                lambda: client.hf_hub_download(
                    repo,
                    name,
                    revision=commit,
                    endpoint=self.endpoint,
                    cache_dir=self.cache,
                    tqdm_class=bar_class(size, deadline, label),
                ),
                label,
                repo,
                deadline,
            )
        )

    def _ask(
        self, client: Any, label: str, repo: str, revision: str, deadline: Deadline
    ) -> tuple[str, dict[str, _Listed]]:
        """Returns the commit of a revision and its files, and keeps the list."""
        api = client.HfApi(endpoint=self.endpoint)
        info = self._retried(
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
        if not _COMMIT.fullmatch(commit):
            raise _bad_list(label, f"the commit {commit!r:.100}")
        check_names([file.rfilename for file in listed], label)
        files = {file.rfilename: _Listed.of(file, label) for file in listed}
        home = cache_directory() / "hugging_face" / repo.replace("/", "--")
        content = {name: [f.size, f.kind, f.digest] for name, f in files.items()}
        write_whole(home / f"{commit}.json", json.dumps(content).encode())
        if commit != revision:
            write_whole(_ref_file(home, revision), commit.encode())
        return commit, files

    def _retried(
        self, action: Callable[[], T], label: str, repo: str, deadline: Deadline
    ) -> T:
        return with_retries(
            lambda: in_time(action, deadline, label),
            lambda error: _explain(error, label, repo),
            deadline,
            label,
        )

    def _snapshot(self, client: Any, label: str, repo: str, revision: str) -> Folder:
        """Returns what another library, such as transformers, left in the cache."""
        for name in ("config.json", "manifest.json"):
            path = client.try_to_load_from_cache(
                repo, name, cache_dir=self.cache, revision=revision
            )
            if isinstance(path, str):
                return LocalFolder(Path(path).parent, label)
        raise not_cached(label, "the list of files")


class _Listed:
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
    def of(cls, sibling: Any, label: str) -> _Listed:
        lfs = sibling.lfs
        kind, digest = ("sha256", lfs.sha256) if lfs else ("git", sibling.blob_id)
        try:
            return cls(lfs.size if lfs else sibling.size, kind, digest)
        except ValueError as error:
            raise _bad_list(label, f"{sibling.rfilename!r} with {error}") from error

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


class _HubFolder(Folder):
    """The files of one commit."""

    def __init__(
        self,
        source: HuggingFaceSource,
        label: str,
        repo: str,
        commit: str,
        home: Path,
        files: Mapping[str, _Listed],
    ) -> None:
        self.label = label
        self._source = source
        self._repo = repo
        self._commit = commit
        self._home = home
        self._files = files

    def sizes(self) -> Mapping[str, int]:
        return {name: file.size for name, file in self._files.items()}

    def path(self, name: str) -> Path:
        path = self._cached(name)
        if path is not None and self._is_checked(name, path):
            return path
        client = _client(self.label)
        deadline = Deadline(size=self._files[name].size)
        with one_process(self._home / "lock", deadline, self.label):
            path = self._cached(name)
            if path is not None and self._is_checked(name, path):
                return path
            for _ in range(2):  # a damaged file is fetched once again
                if path is None:
                    if _is_offline():
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

    def _download(self, name: str, deadline: Deadline) -> Path | None:
        """Returns where a new file lies; None if the client noticed the damage."""
        size = self._files[name].size
        check_free_disk(self._home, size, self.label)
        with contextlib.suppress(PresetCorruptError):
            return self._source.fetch(
                self.label, self._repo, self._commit, name, size, deadline
            )
        return None

    def _cached(self, name: str) -> Path | None:
        path = _client(self.label).try_to_load_from_cache(
            self._repo, name, cache_dir=self._source.cache, revision=self._commit
        )
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


def _client(handle: str) -> Any:
    try:
        import huggingface_hub
        from huggingface_hub import constants, errors  # noqa: F401
    except Exception as error:  # a broken client too
        raise PresetError(
            f"Expected the package huggingface_hub for {handle!r}; importing it "
            f"failed: {type(error).__name__}. Install it: "
            '`pip install "domain-core[hf]"`.'
        ) from error
    return huggingface_hub


def _is_offline() -> bool:
    from huggingface_hub import constants

    return is_offline() or bool(constants.HF_HUB_OFFLINE)


def _ref_file(home: Path, revision: str) -> Path:
    """Returns where the commit of a branch or tag is noted."""
    return home / "refs" / hashlib.sha256(revision.encode()).hexdigest()[:32]


def _ref(home: Path, revision: str) -> str | None:
    try:
        commit = _ref_file(home, revision).read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    return commit if _COMMIT.fullmatch(commit) else None


def _read_list(home: Path, commit: str) -> dict[str, _Listed] | None:
    """Returns the list that an earlier call kept; None if there is none, or half."""
    try:
        content = json.loads((home / f"{commit}.json").read_bytes())
        return {name: _Listed(*entry) for name, entry in content.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _remove(path: Path) -> None:
    """Removes a file from the client's cache, with the blob that it links to."""
    blob = path.resolve()
    path.unlink(missing_ok=True)
    if blob.parent.name == "blobs":
        blob.unlink(missing_ok=True)


def _bad_list(label: str, received: str) -> PresetCorruptError:
    return PresetCorruptError(
        f"Expected the hub to list the files of {label!r} with size and hash, received "
        f"{received}. Check HF_ENDPOINT and your proxy."
    )


def _explain(error: Exception, label: str, repo: str) -> Retry | PresetError:
    """Says what an exception of the client means; its text may hold an address."""
    from huggingface_hub import errors

    advice = (
        "Log in with `hf auth login` or set HF_TOKEN, and accept the conditions at "
        f"https://huggingface.co/{repo} if it has some."
    )
    if isinstance(error, errors.OfflineModeIsEnabled):
        return not_cached(label, "what was asked for")
    if isinstance(error, errors.GatedRepoError | errors.DisabledRepoError):
        return PresetAccessError(
            f"Expected to be let in to {label!r}; it is gated or disabled. {advice}"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return PresetNotFoundError(
            f"Expected a repository at {label!r}; there is none that you may read. "
            f"Check the spelling. If it is private: {advice}"
        )
    if isinstance(error, errors.LocalEntryNotFoundError):
        cause = error.__cause__
        return (
            _explain(cause, label, repo)
            if isinstance(cause, Exception)
            else Retry("no connection")
        )
    if isinstance(error, errors.RevisionNotFoundError | errors.EntryNotFoundError):
        return PresetNotFoundError(
            f"Expected {label!r} to have this revision and file; it has not. Check the "
            "spelling."
        )
    response = getattr(error, "response", None)
    if isinstance(error, errors.HfHubHTTPError) and response is not None:
        return explain_status(response.status_code, response.headers, label, advice)
    if isinstance(error, errors.HTTPError | errors.FileMetadataError):
        return Retry(type(error).__name__)
    if isinstance(error, ConnectionError | TimeoutError | json.JSONDecodeError):
        return Retry(type(error).__name__)
    if isinstance(error, OSError) and error.errno is None:
        return Retry("a body of the wrong length")  # the client's own check
    raise error


SOURCE = HuggingFaceSource()
