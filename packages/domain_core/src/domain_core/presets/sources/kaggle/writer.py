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
    KaggleApi,
    explain,
    filled,
    newest_version,
    variation_of,
)
from domain_core.presets.sources.kaggle.handle import KaggleHandle
from domain_core.presets.sources.progress import bar_class
from domain_core.presets.sources.retries import Deadline, Retry, with_retries

# More go in one archive, which Kaggle unpacks.
_MAX_FILES = 50
_NOT_UPLOADED = {".git", ".cache", ".huggingface"}
_CONFLICT = 409
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
    client = KaggleApi()
    from kagglehub.exceptions import BackendError, handle_mutate_call
    from kagglesdk.models.types import model_api_service as types

    api = client.models
    model = {"owner_slug": handle.owner, "model_slug": handle.model}
    variation = variation_of(handle)
    _make_model(api, handle)
    files = _send(client, directory, deadline, str(handle))
    body = filled(
        types.ApiCreateModelInstanceRequestBody,
        framework=variation["framework"],
        instance_slug=handle.variation,
        license_name=license_name,
    )
    _add_files(body, files)
    first = filled(types.ApiCreateModelInstanceRequest, body=body, **model)
    try:
        handle_mutate_call(lambda: api.create_model_instance(first))
    except BackendError as error:
        if error.error_code != _CONFLICT:
            raise
        body = filled(
            types.ApiCreateModelInstanceVersionRequestBody,
            version_notes=version_notes,
        )
        _add_files(body, files)
        next_one = filled(
            types.ApiCreateModelInstanceVersionRequest, body=body, **variation
        )
        handle_mutate_call(lambda: api.create_model_instance_version(next_one))


def _make_model(api: Any, handle: KaggleHandle) -> None:
    """Makes the model that the variation belongs to, private, if it is not there."""
    import requests
    from kagglehub.exceptions import handle_mutate_call
    from kagglesdk.models.types import model_api_service as types

    owner, model = handle.owner, handle.model
    try:
        api.get_model(
            filled(types.ApiGetModelRequest, owner_slug=owner, model_slug=model)
        )
    except requests.HTTPError as error:
        if error.response is None or error.response.status_code not in (403, 404):
            raise
        new = filled(types.ApiCreateModelRequest, owner_slug=owner, slug=model)
        new.title, new.is_private = model, True
        handle_mutate_call(lambda: api.create_model(new))


def _send(
    client: KaggleApi, directory: Path, deadline: Deadline, label: str
) -> dict[str, Any]:
    """Sends the files; returns what stands for each at Kaggle, by name."""
    from kagglesdk.blobs.types import blob_api_service as types
    from kagglesdk.datasets.types.dataset_api_service import ApiDatasetNewFile

    paths = {
        name: directory / name
        for name in LocalFolder(directory).sizes()
        if not _NOT_UPLOADED.intersection(name.split("/"))
    }
    sent = {}
    with tempfile.TemporaryDirectory() as temporary:
        if len(paths) > _MAX_FILES:
            packed = Path(temporary, "archive.zip")
            with zipfile.ZipFile(packed, "w") as archive:
                for name, path in paths.items():
                    archive.write(path, name)
            paths = {packed.name: packed}
        for name, path in paths.items():
            request = filled(
                types.ApiStartBlobUploadRequest,
                type=types.ApiBlobType.MODEL,
                name=path.name,
                content_length=path.stat().st_size,
                last_modified_epoch_seconds=int(path.stat().st_mtime),
            )
            begun = client.blobs.start_blob_upload(request)
            _put(begun.create_url, path, deadline, label)
            sent[name] = filled(ApiDatasetNewFile, token=begun.token)
    return sent


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


def _add_files(body: Any, files: dict[str, Any]) -> None:
    """Puts the files into a request, in a tree of their folders."""
    from kagglesdk.datasets.types.dataset_api_service import ApiUploadDirectoryInfo

    for name, file in files.items():
        folder = body
        for part in name.split("/")[:-1]:
            inner = [f for f in folder.directories if f.name == part]
            if not inner:
                inner = [filled(ApiUploadDirectoryInfo, name=part)]
                folder.directories += inner
            folder = inner[0]
        folder.files += [file]


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
