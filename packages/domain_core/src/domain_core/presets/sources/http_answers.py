"""What the answer of an HTTP server means for a download."""

from __future__ import annotations

import datetime
import email.utils
import re
from collections.abc import Mapping

from domain_core.preset_errors import (
    PresetAccessError,
    PresetError,
    PresetNetworkError,
    PresetNotFoundError,
)
from domain_core.presets.sources.retries import Retry


def explain_status(
    status: int, headers: Mapping[str, str], label: str, advice: str
) -> Retry | PresetError:
    """Says of an error status whether to try again, or which error it is.

    Args:
        status: of the response.
        headers: of the response; names in any case.
        label: what the user asked for.
        advice: what to do where access is refused; one sentence.
    """
    if status in (401, 403):
        return PresetAccessError(
            f"Expected to be let in to {label!r}; the server refused (HTTP {status}). "
            f"{advice}"
        )
    if status in (404, 410):
        return PresetNotFoundError(
            f"Expected a preset at {label!r}; the server has none (HTTP {status}). "
            "Check the spelling and the version."
        )
    if status in (408, 425, 429) or status >= 500:
        return Retry(f"HTTP {status}", _retry_after(headers))
    return PresetError(
        f"Expected an answer about {label!r}; the server sent HTTP {status}. Try again "
        "later, and report it if it stays."
    )


def explain_requests(error: Exception, label: str, advice: str) -> Retry | PresetError:
    """Says what an exception of `requests` means; raises any other.

    The text of these exceptions is left out: it may hold the password of a proxy.
    """
    import requests
    import urllib3

    response = getattr(error, "response", None)
    if isinstance(error, requests.HTTPError) and response is not None:
        return explain_status(response.status_code, response.headers, label, advice)
    if isinstance(error, requests.exceptions.SSLError):
        return PresetNetworkError(
            f"Expected the server of {label!r} to prove who it is; its certificate "
            "did not. Set REQUESTS_CA_BUNDLE to the certificates of your organization "
            "if it has its own."
        )
    if isinstance(error, requests.RequestException):
        cause = getattr(error.args[0] if error.args else None, "reason", None)
        unreachable = isinstance(
            cause, urllib3.exceptions.NewConnectionError | urllib3.exceptions.ProxyError
        )
        return Retry(type(error).__name__, unreachable=unreachable)
    raise error


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Returns the seconds to wait that a server names, as a number or as a date."""
    values = [v for name, v in headers.items() if name.lower() == "retry-after"]
    if not values:
        return None
    if re.fullmatch(r"\d{1,9}", values[0].strip()):
        return float(values[0])
    try:
        date = email.utils.parsedate_to_datetime(values[0])
        now = datetime.datetime.now(datetime.UTC)
        return max((date - now).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return None
