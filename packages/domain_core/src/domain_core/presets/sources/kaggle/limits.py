"""The Kaggle client, within a deadline and without a word on stdout.

The client sets no time limits, shows a progress bar for every file, and has no setting
for either. So what it uses for both looks at `_LIMITS`, and does as always in threads
where no call of ours is under way.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

from domain_core.preset_errors import PresetError
from domain_core.presets.sources.transfer import Deadline

# Seconds to connect, and without a byte, after which a request is given up.
_CONNECT = 10.0
_SILENCE = 30.0


@contextlib.contextmanager
def limited_client(
    deadline: Deadline, make_bar: Callable[..., Any] | None = None
) -> Iterator[Any]:
    """Yields the module `kagglehub`, whose requests end with the deadline.

    Args:
        deadline: of all requests together.
        make_bar: takes the arguments of `tqdm`; None for the usual bar.

    Raises:
        PresetError: if there is no client.
    """
    kagglehub = _client()
    limits = _Limits(deadline, make_bar)
    token = _LIMITS.set(limits)
    try:
        yield kagglehub
    finally:
        _LIMITS.reset(token)
        for timer in limits.timers:
            timer.cancel()


class _Limits:
    """What holds for the requests of one call.

    Args:
        deadline: of the call.
        make_bar: makes a progress bar.
    """

    def __init__(self, deadline: Deadline, make_bar: Callable[..., Any] | None) -> None:
        self.deadline = deadline
        self.make_bar = make_bar
        self.timers: list[threading.Timer] = []


_LIMITS: ContextVar[_Limits | None] = ContextVar("_LIMITS", default=None)


@functools.cache
def _client() -> Any:
    """Returns the module `kagglehub`, prepared for `_LIMITS`."""
    os.environ.setdefault("KAGGLEHUB_VERBOSITY", "error")
    try:
        import kagglehub
        import kagglehub.clients
        import kagglehub.gcs_upload
        import kagglehub.handle
        import requests
    except Exception as error:  # a broken client may raise anything
        raise PresetError(
            "Expected the Kaggle client for a 'kaggle://' handle; it can't be imported "
            f"({type(error).__name__}). Run `pip install -U kagglehub`."
        ) from error
    _limit_requests(requests.adapters.HTTPAdapter)
    for module in (kagglehub.clients, kagglehub.gcs_upload):
        module.tqdm = functools.partial(_bar, module.tqdm)
    # It would print that there is a newer client.
    kagglehub.clients.already_printed_version_warning = True
    for handler in logging.getLogger("kagglehub").handlers:
        handler.addFilter(lambda r: _LIMITS.get() is None or r.levelno >= logging.ERROR)
    return kagglehub


def _bar(usual: Any, *args: Any, **kwargs: Any) -> Any:
    limits = _LIMITS.get()
    make = (limits and limits.make_bar) or usual
    return make(*args, **kwargs)


def _limit_requests(adapter: Any) -> None:
    send = adapter.send

    @functools.wraps(send)
    def limited(
        self: Any,
        request: Any,
        stream: bool = False,
        timeout: Any = None,
        **kwargs: Any,
    ) -> Any:
        limits = _LIMITS.get()
        if limits is None:
            return send(self, request, stream, timeout, **kwargs)
        left = limits.deadline.left()
        timeout = (min(_CONNECT, left), min(_SILENCE, left))
        response = send(self, request, stream, timeout, **kwargs)

        def shut() -> None:
            # A server may send a byte now and then for ever.
            with contextlib.suppress(Exception):
                response.raw.shutdown()

        timer = threading.Timer(limits.deadline.left(), shut)
        timer.daemon = True
        timer.start()
        limits.timers.append(timer)
        return response

    adapter.send = limited
