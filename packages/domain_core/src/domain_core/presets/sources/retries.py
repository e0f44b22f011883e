"""What every download needs: a deadline, retries, one process at a time.

The clients of the sites lack some of it, each another part.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from domain_core.preset_errors import PresetError, PresetNetworkError

T = TypeVar("T")

_LOGGER = logging.getLogger("domain_core")
_FIRST_WAIT = 0.5  # seconds
_LONGEST_WAIT = 60.0
_LONGEST_WITHOUT_CONNECTION = 15.0
# Bytes that a slow connection moves per second; a deadline leaves time for the rest.
_SLOW = 256 * 1024


class Deadline:
    """A moment after which a whole operation, waits and all, has failed.

    Args:
        seconds: from now, and no more than `DOMAIN_CORE_TIMEOUT`; None for that.
        size: bytes to download, for which more time is given.
        usual: seconds where `DOMAIN_CORE_TIMEOUT` is not set.
    """

    def __init__(
        self, seconds: float | None = None, size: int = 0, *, usual: float = 120
    ) -> None:
        allowed = _allowed_seconds(usual)
        seconds = allowed if seconds is None else min(seconds, allowed)
        self.seconds = seconds + size / _SLOW
        self._end = time.monotonic() + self.seconds

    def left(self) -> float:
        """Returns the seconds left, at least a thousandth."""
        return max(self._end - time.monotonic(), 1e-3)

    def is_over(self) -> bool:
        return time.monotonic() >= self._end

    def end(self) -> None:
        """Lets the deadline pass now."""
        self._end = time.monotonic()


def _allowed_seconds(usual: float) -> float:
    text = os.environ.get("DOMAIN_CORE_TIMEOUT") or str(usual)
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
        raise ValueError(
            f"Expected seconds in DOMAIN_CORE_TIMEOUT, such as 600, received {text!r}."
        )
    return float(text)


@dataclasses.dataclass(frozen=True)
class Retry:
    """What went wrong may go right the next time.

    Args:
        reason: short, without secrets, for logs and the final error.
        after: seconds that the server asked us to wait (`Retry-After`), or None.
        unreachable: whether there was no connection at all: that is seldom over soon,
            and who has no network should not wait for two minutes to hear it.
    """

    reason: str
    after: float | None = None
    unreachable: bool = False


def with_retries(
    action: Callable[[], T],
    explain: Callable[[Exception], Retry | PresetError],
    deadline: Deadline,
    label: str,
) -> T:
    """Calls `action` until it succeeds, fails for good, or time is over.

    Each call has a thread, which is left behind when time is over: clients have no
    time limit of their own, or one for each packet only. Waits between calls double
    from half a second, with jitter; `Retry-After` goes first.

    Args:
        action: does one request or download.
        explain: says of an exception whether to try again, or which error it is;
            raises what it does not know.
        deadline: of the whole operation.
        label: what the user asked for.

    Raises:
        PresetNetworkError: if the deadline passes.
        PresetError: what `explain` gives.
    """
    wait = _FIRST_WAIT
    patience = Deadline(min(_LONGEST_WITHOUT_CONNECTION, deadline.left()))
    while True:
        try:
            return _in_time(action, deadline)
        except PresetError:
            raise
        except Exception as error:
            late = isinstance(error, _LateError)
            verdict = Retry("no answer in time") if late else explain(error)
            if isinstance(verdict, PresetError):
                raise verdict from error
            pause = verdict.after
            if pause is None:
                pause = wait * random.uniform(0.5, 1)
            limit = patience if verdict.unreachable else deadline
            if limit.is_over() or pause >= limit.left():
                if verdict.unreachable:
                    raise PresetNetworkError(
                        f"Expected to reach {label!r}; there was no connection for "
                        f"{limit.seconds:.0f} seconds ({verdict.reason}). Check the "
                        "network, and HTTPS_PROXY if it needs a proxy."
                    ) from error
                raise PresetNetworkError(
                    f"Expected to reach {label!r} within {limit.seconds:.0f} "
                    f"seconds; the last answer was: {verdict.reason}. Try again "
                    "later, or set DOMAIN_CORE_TIMEOUT to more seconds."
                ) from error
            _LOGGER.info("%s: %s; trying again in %.1f s", label, verdict.reason, pause)
            time.sleep(pause)
            wait = min(2 * wait, _LONGEST_WAIT)


class _LateError(Exception):
    """A call took longer than it may."""


def _in_time(action: Callable[[], T], deadline: Deadline) -> T:
    """Calls `action` in a thread, which is left behind if it takes too long."""
    results: list[T] = []
    errors: list[BaseException] = []
    done = threading.Event()

    def run() -> None:
        try:
            results.append(action())
        except BaseException as error:
            errors.append(error)
        finally:
            done.set()

    threading.Thread(target=run, daemon=True).start()
    try:
        if not done.wait(deadline.left()):
            raise _LateError
    except KeyboardInterrupt:
        deadline.end()  # the thread looks at it whenever bytes pass
        raise
    if errors:
        raise errors[0]
    return results[0]


@contextlib.contextmanager
def one_process(lock: Path, deadline: Deadline, label: str) -> Iterator[None]:
    """Holds a lock file, so that of many processes one downloads and the rest wait.

    Raises:
        PresetNetworkError: if another process holds it beyond the deadline.
    """
    import filelock

    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(lock, timeout=deadline.left()):
            yield
    except filelock.Timeout as error:
        raise PresetNetworkError(
            f"Expected another process to finish the download of {label!r} within "
            f"{deadline.seconds:.0f} seconds. If none is running, delete {str(lock)!r}."
        ) from error
