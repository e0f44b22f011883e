"""Threads for work that lets go of Python's lock, as Pillow's decoders do."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_THREAD = threading.local()


def for_each(function: Callable[[int], None], count: int) -> None:
    """Calls `function(i)` for each i in `range(count)`, on all cores.

    Args:
        function: must not depend on the order of the calls.
        count: number of calls. One call, or one core, takes no thread, and nor does
            what is called in one of these threads.

    Raises:
        Exception: what a call raised; the others may have run or not.
    """
    workers = min(count, cores())
    if workers < 2 or getattr(_THREAD, "is_ours", False):
        for i in range(count):
            function(i)
        return

    def run(first: int) -> None:
        for i in range(first, count, workers):
            function(i)

    list(_pool().map(run, range(workers)))


def cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _pool() -> ThreadPoolExecutor:
    def mark() -> None:
        _THREAD.is_ours = True

    return ThreadPoolExecutor(cores(), "images", initializer=mark)


if hasattr(os, "register_at_fork"):
    # The threads stay behind in the parent: a worker of a loader makes its own.
    os.register_at_fork(after_in_child=_pool.cache_clear)
