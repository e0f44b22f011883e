"""The client of the Hugging Face Hub, with what it lacks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from domain_core.preset_errors import (
    PresetAccessError,
    PresetError,
    PresetNotFoundError,
)
from domain_core.presets.sources.cache import not_cached
from domain_core.presets.sources.http_answers import explain_status
from domain_core.presets.sources.retries import Deadline, Retry, with_retries
from domain_core.presets.sources.source import is_offline

T = TypeVar("T")


def hub_client(handle: str) -> Any:
    """Returns the package `huggingface_hub`.

    Raises:
        PresetError: if it is missing or broken; names the pip line.
    """
    try:
        import huggingface_hub
        from huggingface_hub import constants, errors, utils  # noqa: F401
    except Exception as error:  # a broken client too
        raise PresetError(
            f"Expected the package huggingface_hub for {handle!r}; importing it "
            f"failed: {type(error).__name__}. Install it: "
            '`pip install "domain-core[hf]"`.'
        ) from error
    return huggingface_hub


def hub_is_offline() -> bool:
    """Whether our switch or the client's forbids every request."""
    from huggingface_hub import constants

    return is_offline() or bool(constants.HF_HUB_OFFLINE)


def with_hub(action: Callable[[], T], label: str, repo: str, deadline: Deadline) -> T:
    """Calls the client until it succeeds, fails for good, or time is over.

    Raises:
        PresetError: the subclass that says why it failed.
    """
    return with_retries(
        action, lambda error: _explain(error, label, repo), deadline, label
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
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception):
        return _explain(error.__cause__, label, repo)  # of a part of an upload
    passing = (
        errors.FileMetadataError,
        errors.XetDownloadError,
        ConnectionError,
        TimeoutError,
        json.JSONDecodeError,  # a page of somebody on the way, such as a hotel's
    )
    # Version 1 of the client speaks HTTP through httpx, version 2 through httpx2.
    spoken_by = type(error).__module__.split(".")[0]
    if isinstance(error, passing) or spoken_by in ("httpx", "httpx2"):
        name = type(error).__name__
        return Retry(name, unreachable=name in ("ConnectError", "ProxyError"))
    if isinstance(error, OSError) and error.errno is None:
        return Retry("a body of the wrong length")  # the client's own check
    if isinstance(
        error, KeyError | TypeError | AttributeError | ValueError
    ) and not isinstance(error, errors.HFValidationError):
        return PresetError(
            f"Expected an answer about {label!r} that the Hugging Face client "
            f"understands; it does not ({type(error).__name__}). Check HF_ENDPOINT, or "
            "run `pip install -U huggingface_hub`."
        )
    raise error
