"""What is asked of the Kaggle client, and what its exceptions mean."""

from __future__ import annotations

import contextlib
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from domain_core.preset_errors import (
    PresetAccessError,
    PresetCorruptError,
    PresetError,
    PresetNetworkError,
    PresetUnsafeError,
)
from domain_core.presets.folder import MAX_FILES, check_sizes
from domain_core.presets.sources.http_answers import explain_requests, explain_status
from domain_core.presets.sources.kaggle.handle import KaggleHandle
from domain_core.presets.sources.kaggle.limits import limited_client
from domain_core.presets.sources.progress import SMALL, bar_class, is_shown
from domain_core.presets.sources.transfer import Deadline, Retry

_PAGE = 1000


class Damaged(Exception):
    """The client found that what it got is not what the server has."""


def newest_version(handle: KaggleHandle, deadline: Deadline) -> int:
    """Asks for the number of the newest version."""
    with _api(handle, deadline) as (api, fill):
        from kagglesdk.models.types.model_api_service import ApiGetModelInstanceRequest

        answer = api.get_model_instance(fill(ApiGetModelInstanceRequest()))
    version = answer.version_number
    if not isinstance(version, int) or version < 1:
        raise PresetCorruptError(
            f"Expected Kaggle to name the newest version of '{handle}', received "
            f"{version!r:.100}. Put the version into the handle."
        )
    return version


def list_files(handle: KaggleHandle, deadline: Deadline) -> dict[str, int]:
    """Asks for the files of a version; their names are not checked yet.

    Returns:
        Sizes in bytes by name.
    """
    sizes: dict[str, int] = {}
    with _api(handle, deadline) as (api, fill):
        from kagglesdk.models.types.model_api_service import (
            ApiListModelInstanceVersionFilesRequest,
        )

        request = fill(ApiListModelInstanceVersionFilesRequest())
        request.version_number = handle.version
        request.page_size = _PAGE
        while True:
            answer = api.list_model_instance_version_files(request)
            listed = {file.name: file.size for file in answer.files or ()}
            if any(
                type(n) is not str or type(s) is not int or s < 0
                for n, s in listed.items()
            ):
                raise PresetCorruptError(
                    f"Expected Kaggle to list the files of '{handle}' with names and "
                    "sizes; it does not. Try another version."
                )
            sizes |= listed
            check_sizes(sizes.values(), str(handle))
            if len(sizes) > MAX_FILES:
                raise PresetUnsafeError(
                    f"Expected at most {MAX_FILES} files in the preset '{handle}'; it "
                    "lists more. Nothing was written."
                )
            if not (answer.next_page_token and answer.files):
                break
            request.page_token = answer.next_page_token
    return sizes


def download(handle: KaggleHandle, name: str, size: int, deadline: Deadline) -> Path:
    """Downloads one file; goes on where an earlier call was cut.

    Returns:
        Where the client has put it.

    Raises:
        Damaged: if the bytes do not fit the hash that the server sent.
    """
    bar = functools.partial(bar_class(size, deadline, str(handle)), desc=name)
    with limited_client(deadline, bar) as kagglehub:
        try:
            return Path(kagglehub.model_download(handle.client_handle(), path=name))
        except kagglehub.exceptions.DataCorruptionError as error:
            raise Damaged from error


def attach(handle: KaggleHandle, deadline: Deadline) -> Path:
    """Asks the Kaggle notebook around us to mount a model; may wait for ever."""
    with limited_client(deadline) as kagglehub:
        return Path(kagglehub.model_download(handle.client_handle()))


def upload(
    handle: KaggleHandle, directory: Path, deadline: Deadline, **options: Any
) -> None:
    """Uploads a directory as a new version.

    Args:
        handle: without a version.
        directory: whose files to upload.
        deadline: of the upload.
        **options: of `kagglehub.model_upload`.
    """
    with limited_client(deadline, _upload_bar) as kagglehub:
        kagglehub.model_upload(handle.client_handle(), str(directory), **options)


def explain(error: Exception, handle: KaggleHandle) -> Retry | PresetError:
    """Says what an exception of the client means; for `with_retries`."""
    import requests
    from kagglehub import exceptions

    response = getattr(error, "response", None)
    if isinstance(error, requests.HTTPError) and response is not None:
        status = _status(response)
        return explain_status(status, response.headers, str(handle), _log_in(handle))
    if isinstance(error, exceptions.CredentialError | exceptions.UnauthenticatedError):
        return PresetAccessError(
            f"Expected to be let in to '{handle}'; there are no credentials. "
            f"{_log_in(handle)}"
        )
    if isinstance(error, exceptions.BackendError):
        return PresetError(
            f"Expected Kaggle to take what was asked about '{handle}'; it refused "
            f"(code {error.error_code}). Look at {handle.page()}."
        )
    if isinstance(error, json.JSONDecodeError):
        return PresetNetworkError(
            f"Expected an answer of Kaggle about '{handle}', received some other page: "
            "of a proxy, or of a network that wants you to log in first. Open "
            "https://www.kaggle.com in a browser here."
        )
    if isinstance(error, requests.RequestException):
        return explain_requests(error, str(handle), _log_in(handle))
    if isinstance(error, ValueError) and "credentials" in str(error):
        return PresetAccessError(
            f"Expected to be let in to '{handle}'. {_log_in(handle)}"
        )
    if isinstance(error, OSError):
        return PresetError(
            f"Expected to write '{handle}' into the cache: {error.strerror}. Set "
            "KAGGLEHUB_CACHE to a directory with room that you may write to."
        )
    if isinstance(error, TypeError | AttributeError | KeyError):
        return PresetError(
            f"Expected an answer about '{handle}' that the Kaggle client understands; "
            "it does not. Run `pip install -U kagglehub`."
        )
    raise error


def _status(response: Any) -> int:
    """Returns the status; Kaggle may hide it in the JSON of a reply that says 200."""
    if response.status_code < 400:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return int(response.json()["code"])
    return int(response.status_code)


def _log_in(handle: KaggleHandle) -> str:
    return (
        f"{_credentials()} Put a token from https://www.kaggle.com/settings into "
        "KAGGLE_API_TOKEN, or kaggle.json into ~/.kaggle; accept the licence at "
        f"{handle.page()}; and check that the name is right."
    )


def _credentials() -> str:
    """Says which kind of credentials was used, never their value."""
    from kagglehub.config import get_kaggle_credentials

    try:
        credentials = get_kaggle_credentials()
    except ValueError:
        return "kaggle.json could not be read."
    if credentials is None:
        return "No credentials were sent."
    if credentials.api_key:
        return "A Kaggle API token was sent."
    return "A user name with a key was sent."


@contextlib.contextmanager
def _api(handle: KaggleHandle, deadline: Deadline) -> Iterator[tuple[Any, Any]]:
    """Yields the API of models, and what writes the handle into a request."""
    with limited_client(deadline) as kagglehub:
        parsed = kagglehub.handle.parse_model_handle(handle.client_handle())
        try:
            framework = parsed.framework_enum()
        except ValueError as error:
            raise ValueError(
                f"Expected a framework that Kaggle knows, such as 'keras', received "
                f"{handle.framework!r} in '{handle}'."
            ) from error

        def fill(request: Any) -> Any:
            request.owner_slug = handle.owner
            request.model_slug = handle.model
            request.framework = framework
            request.instance_slug = handle.variation
            return request

        with kagglehub.clients.build_kaggle_client() as client:
            yield client.models.model_api_client, fill


def _upload_bar(*args: Any, total: int = 0, **kwargs: Any) -> Any:
    from tqdm import tqdm

    shown = is_shown() and total >= SMALL
    return tqdm(*args, total=total, disable=not shown, **kwargs)
