"""What Kaggle says of a model, asked through its client; what its errors mean.

Of `kagglehub` these are used: `config.get_kaggle_credentials`, `KaggleJwtClient` and
`ColabClient` of `clients`, `enum.to_enum` and `exceptions`; of its `kagglesdk`, the API
clients of models and blobs with the types of their requests, `kaggle_env.get_endpoint`
and `KaggleHttpClient.BearerAuth`.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any, TypeVar

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

T = TypeVar("T")

_PAGE = 1000
# Seconds to connect, and without a byte, after which a request is sent again.
_TIMEOUT = (10.0, 30.0)


def newest_version(handle: KaggleHandle, deadline: Deadline) -> int:
    """Asks for the number of the newest version."""

    def ask(api: Any) -> Any:
        from kagglesdk.models.types.model_api_service import ApiGetModelInstanceRequest

        request = filled(ApiGetModelInstanceRequest, **variation_of(handle))
        return api.get_model_instance(request).version_number

    version = _ask(ask, handle, deadline)
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

    def ask(api: Any) -> dict[str, int]:
        from kagglesdk.models.types.model_api_service import (
            ApiListModelInstanceVersionFilesRequest,
        )

        sizes: dict[str, int] = {}
        request = filled(
            ApiListModelInstanceVersionFilesRequest,
            version_number=handle.version,
            page_size=_PAGE,
            **variation_of(handle),
        )
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
                return sizes
            request.page_token = answer.next_page_token

    return _ask(ask, handle, deadline)


def signed_address(handle: KaggleHandle, name: str, deadline: Deadline) -> str:
    """Asks where a file may be fetched from, for some time and without a login."""

    def ask(api: Any) -> str:
        from kagglesdk.models.types.model_api_service import (
            ApiDownloadModelInstanceVersionRequest,
        )

        request = filled(
            ApiDownloadModelInstanceVersionRequest,
            version_number=handle.version,
            path=name,
            **variation_of(handle),
        )
        return str(api.download_model_instance_version(request))

    return _ask(ask, handle, deadline)


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


class KaggleApi:
    """The user's access to Kaggle.

    Attributes:
        models: a `ModelApiClient` of `kagglesdk`.
        blobs: a `BlobApiClient`.

    Raises:
        PresetError: if there is no client.
    """

    def __init__(self) -> None:
        clients = kagglehub_clients()
        from kagglehub.config import get_kaggle_credentials
        from kagglesdk.blobs.services.blob_api_service import BlobApiClient
        from kagglesdk.kaggle_http_client import KaggleHttpClient
        from kagglesdk.models.services.model_api_service import ModelApiClient

        self.models, self.blobs = ModelApiClient(self), BlobApiClient(self)
        self._agent = f"kagglehub/{clients.kagglehub.__version__} domain_core"
        login = get_kaggle_credentials()
        self._login: Any = None
        if login is not None and login.api_key:
            self._login = KaggleHttpClient.BearerAuth(login.api_key)
        elif login is not None:
            self._login = login.username, login.key

    def call(self, service: str, method: str, request: Any, answer_type: Any) -> Any:
        """Sends what the clients of `kagglesdk` ask; their own has no time limit.

        Returns:
            Their answer; of a redirect the address, which is not followed.

        Raises:
            requests.RequestException: if it fails, or Kaggle refuses.
        """
        import requests
        from kagglesdk.common.types.http_redirect import HttpRedirect
        from kagglesdk.kaggle_env import KaggleEnv, get_endpoint

        answer = requests.post(
            f"{get_endpoint(KaggleEnv.PROD)}/v1/{service}/{method}",
            json=type(request).to_dict(request),
            headers={"User-Agent": self._agent},
            auth=self._login,
            timeout=_TIMEOUT,
            allow_redirects=False,
        )
        target = answer.headers.get("Location")
        if answer_type is HttpRedirect and answer.is_redirect and target:
            return target
        if _status(answer) >= 300:
            raise requests.HTTPError(response=answer)
        return answer_type.prepare_from(answer)


def filled(cls: Any, **fields: Any) -> Any:
    """Returns a new request, or a part of one."""
    request = cls()
    for name, value in fields.items():
        setattr(request, name, value)
    return request


def variation_of(handle: KaggleHandle) -> dict[str, Any]:
    """Returns how requests name what a handle names, but for the version."""
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
        "owner_slug": handle.owner,
        "model_slug": handle.model,
        "framework": framework,
        "instance_slug": handle.variation,
    }


def _ask(ask: Callable[[Any], T], handle: KaggleHandle, deadline: Deadline) -> T:
    """Returns what `ask` gives for a `ModelApiClient`."""
    return with_retries(
        lambda: ask(KaggleApi().models),
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
