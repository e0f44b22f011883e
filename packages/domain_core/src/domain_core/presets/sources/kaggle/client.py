"""What Kaggle says of a model; what its errors mean.

Its protocol is that of `kagglehub` 1, whose own requests have no time limit. Of
`kagglehub` these are used: `config.get_kaggle_credentials`, `KaggleJwtClient` and
`ColabClient` of `clients`, `enum.to_enum` and `exceptions`; of its `kagglesdk`:
`ModelFramework`, `kaggle_env.get_endpoint` and `KaggleHttpClient.BearerAuth`.
"""

from __future__ import annotations

import contextlib
import json
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
from domain_core.presets.sources.retries import Deadline, Retry, with_retries

_PAGE = 1000
# Seconds to connect, and without a byte, after which a request is sent again.
_TIMEOUT = (10.0, 30.0)


def newest_version(handle: KaggleHandle, deadline: Deadline) -> int:
    """Asks for the number of the newest version."""
    version = _ask("GetModelInstance", handle, deadline).get("versionNumber")
    if type(version) is not int or version < 1:
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
    page = {"versionNumber": handle.version, "pageSize": _PAGE}
    while True:
        answer = _ask("ListModelInstanceVersionFiles", handle, deadline, **page)
        files, page["pageToken"] = answer.get("files"), answer.get("nextPageToken")
        for file in files if isinstance(files, list) else [files] if files else []:
            name, size = None, None
            if isinstance(file, dict):
                name, size = file.get("name"), file.get("size", 0)
            if type(name) is not str or type(size) is not int or size < 0:
                raise PresetCorruptError(
                    f"Expected Kaggle to list the files of '{handle}' with names and "
                    "sizes; it does not. Try another version."
                )
            sizes[name] = size
        check_sizes(sizes.values(), str(handle))
        if len(sizes) > MAX_FILES:
            raise PresetUnsafeError(
                f"Expected at most {MAX_FILES} files in the preset '{handle}'; it "
                "lists more. Nothing was written."
            )
        if not (page["pageToken"] and files):
            return sizes


def signed_address(handle: KaggleHandle, name: str, deadline: Deadline) -> str:
    """Asks where a file may be fetched from, for some time and without a login."""
    version = handle.version
    method = "DownloadModelInstanceVersion"
    answer = _ask(method, handle, deadline, versionNumber=version, path=name)
    return str(answer["Location"])


def kagglehub_clients() -> Any:
    """Returns the module `kagglehub.clients`.

    Raises:
        PresetError: if there is no client.
    """
    try:
        import kagglehub.clients
    except Exception as error:  # a broken client may raise anything
        raise PresetError(
            "Expected the Kaggle client for a 'kaggle://' handle; it can't be imported "
            f"({type(error).__name__}). Run `pip install -U kagglehub`."
        ) from error
    return kagglehub.clients


def ask_kaggle(
    method: str, service: str = "models.ModelApiService", **asked: Any
) -> Any:
    """Sends one request of the API, with the user's login.

    Args:
        method: what to do.
        service: whose method that is.
        **asked: fields of the request; None for those that are not there.

    Returns:
        The object in the answer; of a redirect its headers, it is not followed.

    Raises:
        requests.RequestException: if it fails, or Kaggle refuses.
        PresetError: if there is no client.
    """
    kagglehub = kagglehub_clients().kagglehub
    import requests
    from kagglehub.config import get_kaggle_credentials
    from kagglesdk.kaggle_env import KaggleEnv, get_endpoint
    from kagglesdk.kaggle_http_client import KaggleHttpClient

    login = get_kaggle_credentials()
    auth: Any = None
    if login is not None:
        token = login.api_key
        auth = login.username, login.key
        auth = KaggleHttpClient.BearerAuth(token) if token else auth
    answer = requests.post(
        f"{get_endpoint(KaggleEnv.PROD)}/v1/{service}/{method}",
        json={name: value for name, value in asked.items() if value is not None},
        headers={"User-Agent": f"kagglehub/{kagglehub.__version__} domain_core"},
        auth=auth,
        timeout=_TIMEOUT,
        allow_redirects=False,
    )
    if answer.is_redirect and method.startswith("Download"):
        return answer.headers
    if _status(answer) >= 300:
        raise requests.HTTPError(response=answer)
    value = answer.json()
    if not isinstance(value, dict):
        raise TypeError("Expected an object.")
    return value


def variation_of(handle: KaggleHandle) -> dict[str, str]:
    """Returns how requests name what a handle names, but for the version."""
    kagglehub_clients()
    from kagglehub.enum import to_enum
    from kagglesdk.models.types.model_enums import ModelFramework

    try:
        framework = to_enum(ModelFramework, handle.framework)
    except ValueError as error:
        raise ValueError(
            "Expected a framework that Kaggle knows, such as 'keras', received "
            f"{handle.framework!r} in '{handle}'."
        ) from error
    return {
        "ownerSlug": handle.owner,
        "modelSlug": handle.model,
        "framework": framework.name,
        "instanceSlug": handle.variation,
    }


def _ask(method: str, handle: KaggleHandle, deadline: Deadline, **asked: Any) -> Any:
    """Asks about a model until there is an answer."""
    return with_retries(
        lambda: ask_kaggle(method, **variation_of(handle), **asked),
        lambda error: explain(error, handle),
        deadline,
        str(handle),
    )


def explain(error: Exception, handle: KaggleHandle) -> Retry | PresetError:
    """Says what an exception of the client means; for `with_retries`."""
    import requests
    from kagglehub import exceptions

    response = getattr(error, "response", None)
    if isinstance(error, requests.HTTPError) and response is not None:
        status = _status(response)
        return explain_status(
            status, response.headers, str(handle), how_to_log_in(handle)
        )
    if isinstance(error, exceptions.CredentialError | exceptions.UnauthenticatedError):
        return PresetAccessError(
            f"Expected to be let in to '{handle}'; there are no credentials. "
            f"{how_to_log_in(handle)}"
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
        return explain_requests(error, str(handle), how_to_log_in(handle))
    if isinstance(error, ValueError) and "credentials" in str(error):
        return PresetAccessError(
            f"Expected to be let in to '{handle}'. {how_to_log_in(handle)}"
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
    if response.ok:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return int(response.json()["code"])
    return int(response.status_code)


def how_to_log_in(handle: KaggleHandle) -> str:
    """Returns what to do where access is refused."""
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
