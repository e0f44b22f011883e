"""GET requests over https: bounded, resumed, tried again."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from domain_core.preset_errors import (
    PresetCorruptError,
    PresetError,
    PresetUnsafeError,
)
from domain_core.presets.sources.http_answers import explain_requests
from domain_core.presets.sources.progress import bar_class
from domain_core.presets.sources.retries import Deadline, Retry, with_retries

_CHUNK = 2**16
# Seconds without a byte after which the connection is given up and made anew.
_SILENCE = 15.0
_LOG_IN = (
    "If it needs a login, put it into the file ~/.netrc (machine, login, password), "
    "never into the address."
)


def fetch_small(address: str, name: str, max_bytes: int, deadline: Deadline) -> bytes:
    """Returns a small file whose size is not known beforehand.

    Args:
        address: of its directory, with a slash at the end.
        name: of the file.
        max_bytes: size of the largest file to take.
        deadline: of the whole.

    Raises:
        PresetUnsafeError: if it is larger.
        PresetError: the subclass that says why it can't be had.
    """

    def fetch() -> bytes:
        with _get(address + name, {}, deadline) as response:
            content = b""
            for chunk in response.iter_content(_CHUNK):
                content += chunk
                if len(content) > max_bytes:
                    raise PresetUnsafeError(
                        f"Expected {name!r} at {address!r} to have at most {max_bytes} "
                        "bytes; the server sends more. Nothing of it was kept."
                    )
        return content

    return with_retries(
        fetch, lambda error: _explain(error, address), deadline, address
    )


def fetch_file(
    url: str,
    partial: Path,
    size: int,
    deadline: Deadline,
    label: str,
    advice: str = _LOG_IN,
) -> Mapping[str, str]:
    """Fetches what is missing of a file; a connection that is cut goes on.

    Args:
        url: of the file.
        partial: where to put it; what is there is its beginning.
        size: bytes that it must have.
        deadline: of the whole.
        label: what the user asked for.
        advice: what to do where access is refused.

    Returns:
        The headers of the last answer; nothing if no byte was missing.

    Raises:
        PresetCorruptError: if the server has a file of another size.
        PresetError: the subclass that says why it can't be had.
    """
    return with_retries(
        lambda: _append(url, partial, size, deadline, label),
        lambda error: _explain(error, label, advice),
        deadline,
        label,
    )


def _append(
    url: str, partial: Path, size: int, deadline: Deadline, label: str
) -> Mapping[str, str]:
    """Fetches what is missing of a file.

    Raises:
        PresetCorruptError: if the server has a file of another size.
        requests.RequestException: if the connection is cut; what came stays.
    """
    import requests

    have = partial.stat().st_size if partial.exists() else 0
    if partial.exists() and have >= size:
        return {}
    headers = {"Range": f"bytes={have}-"} if have else {}
    with _get(url, headers, deadline) as response, partial.open("ab") as file:
        answered = response.headers.get("Content-Range", "")
        if response.status_code != 206 or not answered.startswith(f"bytes {have}-"):
            if response.status_code == 206:
                raise _DamagedError(label)  # another part than asked for
            file.truncate(0)
            have = 0
        length = response.headers.get("Content-Length")
        if length is not None and length != str(size - have):
            raise _DamagedError(label)
        with bar_class(size, deadline, label)(initial=have, desc=partial.name) as bar:
            for chunk in response.iter_content(_CHUNK):
                bar.update(len(chunk))
                file.write(chunk)
                have += len(chunk)
    if have < size:
        raise requests.ConnectionError("the body was cut")
    headers_sent: Mapping[str, str] = response.headers
    return headers_sent


@contextlib.contextmanager
def _get(url: str, headers: dict[str, str], deadline: Deadline) -> Iterator[Any]:
    """Yields the response to a GET request, whose body is still to be read."""
    import requests

    with requests.Session() as session:
        # Nothing but https, redirects too.
        session.adapters.pop("http://")
        timeout = min(_SILENCE, deadline.left())
        with session.get(
            url,
            headers={**headers, "Accept-Encoding": "identity"},
            timeout=timeout,
            stream=True,
        ) as response:
            if response.status_code == 416:
                raise _DamagedError(url)
            response.raise_for_status()
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise _DamagedError(url)  # packed, though we asked for it plain
            yield response


def _explain(
    error: Exception, label: str, advice: str = _LOG_IN
) -> Retry | PresetError:
    import requests

    if isinstance(error, requests.exceptions.InvalidSchema):
        return PresetUnsafeError(
            f"Expected {label!r} to stay on https; the server sends us to an address "
            "without encryption. Nothing was written; tell who runs the server."
        )
    return explain_requests(error, label, advice)


class _DamagedError(PresetCorruptError):
    """What the server sends can't be the file."""

    def __init__(self, label: str) -> None:
        super().__init__(f"Expected a whole file from {label!r}; it was another.")
