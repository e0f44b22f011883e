"""Uploads a directory to Kaggle, as a new version of a model.

In place of `kagglehub.model_upload`, which prints to stdout and has no time limit.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from domain_core.preset_errors import PresetError, PresetNetworkError
from domain_core.presets.folder import LocalFolder
from domain_core.presets.sources.http_answers import explain_requests
from domain_core.presets.sources.kaggle.client import (
    ask_kaggle,
    explain,
    newest_version,
    variation_of,
)
from domain_core.presets.sources.kaggle.handle import KaggleHandle
from domain_core.presets.sources.progress import bar_class
from domain_core.presets.sources.retries import Deadline, Retry, with_retries

# More go in one archive, which Kaggle unpacks.
_MAX_FILES = 50
_NOT_UPLOADED = {".git", ".cache", ".huggingface"}
_CONFLICT = "409"
_RESUME = 308  # status of an upload of which a part is there
_SILENCE = 30.0  # seconds without a byte


def upload(handle: KaggleHandle, directory: Path, **options: str) -> str:
    """Uploads the files of a directory.

    Args:
        handle: without a version.
        directory: whose files to upload.
        **options: `license_name` of a new model, `version_notes` of a new version.

    Returns:
        The handle with the version; without, if Kaggle does not tell it yet.
    """
    deadline = Deadline(size=sum(LocalFolder(directory).sizes().values()))
    with_retries(
        lambda: _upload(handle, directory, deadline, **options),
        lambda error: _explain_upload(error, handle),
        deadline,
        str(handle),
    )
    with contextlib.suppress(PresetError):
        version = newest_version(handle, Deadline())
        return str(KaggleHandle(*handle.parts, version))
    return str(handle)


def _upload(
    handle: KaggleHandle,
    directory: Path,
    deadline: Deadline,
    license_name: str | None = None,
    version_notes: str = "",
) -> None:
    variation = variation_of(handle)
    _make_model(handle)
    files = _send(directory, deadline, str(handle))
    new = {"framework": variation.pop("framework"), "instanceSlug": handle.variation}
    model = {"ownerSlug": handle.owner, "modelSlug": handle.model}
    answer = ask_kaggle(
        "CreateModelInstance", **model, body=new | files | {"licenseName": license_name}
    )
    if str(answer.get("errorCode")) == _CONFLICT:
        body = files | {"versionNotes": version_notes}
        answer = ask_kaggle("CreateModelInstanceVersion", **model, **new, body=body)
    _check_taken(answer, handle)


def _make_model(handle: KaggleHandle) -> None:
    """Makes the model that the variation belongs to, private, if it is not there."""
    import requests

    owner, model = handle.owner, handle.model
    try:
        ask_kaggle("GetModel", ownerSlug=owner, modelSlug=model)
    except requests.HTTPError as error:
        if error.response is None or error.response.status_code not in (403, 404):
            raise
        new: dict[str, Any] = {"slug": model, "title": model, "isPrivate": True}
        _check_taken(ask_kaggle("CreateModel", ownerSlug=owner, **new), handle)


def _check_taken(answer: Any, handle: KaggleHandle) -> None:
    if answer.get("error"):
        raise PresetError(
            f"Expected Kaggle to take what was sent to '{handle}'; it refused (code "
            f"{answer.get('errorCode')!r:.20}). Look at {handle.page()}."
        )


def _send(directory: Path, deadline: Deadline, label: str) -> dict[str, Any]:
    """Sends the files; returns what stands for them, as a tree of their folders."""
    paths = {
        name: directory / name
        for name in LocalFolder(directory).sizes()
        if not _NOT_UPLOADED.intersection(name.split("/"))
    }
    top: dict[str, Any] = {"files": [], "directories": []}
    folders = {"": top}
    with tempfile.TemporaryDirectory() as temporary:
        if len(paths) > _MAX_FILES:
            packed = Path(temporary, "archive.zip")
            with zipfile.ZipFile(packed, "w") as archive:
                for name, path in paths.items():
                    archive.write(path, name)
            paths = {packed.name: packed}
        for name, path in paths.items():
            begun = ask_kaggle(
                "StartBlobUpload",
                "blobs.BlobApiService",
                type="MODEL",
                name=path.name,
                contentLength=path.stat().st_size,
                lastModifiedEpochSeconds=int(path.stat().st_mtime),
            )
            _put(begun["createUrl"], path, deadline, label)
            parent = ""
            for part in name.split("/")[:-1]:
                inner = f"{parent}{part}/"
                if inner not in folders:
                    folders[inner] = {"name": part, "files": [], "directories": []}
                    folders[parent]["directories"].append(folders[inner])
                parent = inner
            folders[parent]["files"].append({"token": begun["token"]})
    return top


def _put(url: str, path: Path, deadline: Deadline, label: str) -> None:
    """Sends one file; goes on where a connection was cut."""
    import requests
    from tqdm.utils import CallbackIOWrapper

    size = path.stat().st_size
    bar_of = bar_class(size, deadline, label)
    tries = itertools.count()

    def send() -> None:
        begin = _received(url, size) if next(tries) else 0
        if begin == size > 0:
            return
        headers = {"Content-Type": "application/octet-stream"}
        if size:
            headers["Content-Range"] = f"bytes {begin}-{size - 1}/{size}"
        with path.open("rb") as file, bar_of(initial=begin, desc="Uploading") as bar:
            file.seek(begin)
            body = CallbackIOWrapper(bar.update, file, "read") if size else None
            answer = requests.put(url, body, headers=headers, timeout=_SILENCE)
            if answer.status_code == _RESUME:
                raise requests.ConnectionError("the server took a part")
            answer.raise_for_status()

    with_retries(
        send, lambda error: explain_requests(error, label, ""), deadline, label
    )


def _received(url: str, size: int) -> int:
    """Asks how many bytes of a file are there."""
    import requests

    headers = {"Content-Range": f"bytes */{size}"}
    answer = requests.put(url, headers=headers, timeout=_SILENCE)
    if answer.status_code != _RESUME:
        answer.raise_for_status()
        return size
    end = re.fullmatch(r"bytes=0-(\d{1,15})", answer.headers.get("Range", ""))
    return int(end[1]) + 1 if end else 0


def _explain_upload(error: Exception, handle: KaggleHandle) -> Retry | PresetError:
    """Retries only what Kaggle refused to begin: there must be one new version."""
    verdict = explain(error, handle)
    if isinstance(verdict, Retry) and not re.fullmatch(
        "HTTP (429|503)", verdict.reason
    ):
        return PresetNetworkError(
            f"Expected to upload to '{handle}'; it failed on the way ({verdict.reason})"
            f". See at {handle.page()} whether there is a new version, then try again."
        )
    return verdict
