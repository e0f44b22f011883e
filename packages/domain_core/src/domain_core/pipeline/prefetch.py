"""An iterator that runs ahead in one background thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

THREAD_NAME = "domain_core.pipeline"

_ITEM, _END, _ERROR = "item", "end", "error"


class Prefetcher:
    """Computes the items of an iterator ahead of whoever asks for them.

    One thread: batches come in order, and what prepares them releases the GIL where it
    counts (tokenizers, OpenCV). An exception in the thread is raised again by `next`,
    the same object, with the index of the item as a note.

    Args:
        iterator: where items come from. Only the thread touches it.
        depth: how many finished items may wait.
    """

    def __init__(self, iterator: Iterator[Any], *, depth: int) -> None:
        self._ready: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._free = threading.Semaphore(depth)
        self._closed = False
        self._thread = threading.Thread(
            target=self._run, args=(iterator,), daemon=True, name=THREAD_NAME
        )
        self._thread.start()

    def __iter__(self) -> Prefetcher:
        return self

    def __next__(self) -> Any:
        kind, content = self._wait()
        if kind == _ITEM:
            self._free.release()
            return content
        self._ready.put((kind, content))  # it stays at its end
        if kind == _ERROR:
            raise content
        raise StopIteration

    def close(self, timeout: float = 5.0) -> None:
        """Stops the thread and waits until it is gone.

        Args:
            timeout: seconds to wait. A thread that sits in user code (a slow download)
                finishes that one item later, and then ends.
        """
        self._closed = True
        self._free.release()
        self._thread.join(timeout)
        self._ready.put((_END, None))  # wakes whoever waits, such as a tf.data thread

    def _run(self, iterator: Iterator[Any]) -> None:
        index = 0
        try:
            while not self._closed:
                self._free.acquire()
                if self._closed:
                    break
                self._ready.put((_ITEM, next(iterator)))
                index += 1
        except StopIteration:
            self._ready.put((_END, None))
        except BaseException as error:
            error.add_note(f"Raised while batch {index} was prepared.")
            self._ready.put((_ERROR, error))

    def _wait(self) -> tuple[str, Any]:
        while True:
            try:
                # On Windows Ctrl-C does not reach a wait that has no timeout.
                return self._ready.get(timeout=1.0)
            except queue.Empty:
                continue
