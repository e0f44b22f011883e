"""Threads for work that lets go of Python's lock, as Pillow's decoders do."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


def for_each(function: Callable[[int], None], count: int) -> None:
    """Calls `function(i)` for each i in `range(count)`, on all cores.

    Args:
        function: must not depend on the order of the calls.
        count: number of calls. One call, or one core, takes no thread.

    Raises:
        Exception: what a call raised; the others may have run or not.
    """
    workers = min(count, _cores())
    if workers < 2:
        for i in range(count):
            function(i)
        return

    def run(first: int) -> None:
        for i in range(first, count, workers):
            function(i)

    list(_pool().map(run, range(workers)))


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_cores(), thread_name_prefix="images")


if hasattr(os, "register_at_fork"):
    # The threads stay behind in the parent: a worker of a loader makes its own.
    os.register_at_fork(after_in_child=_pool.cache_clear)
