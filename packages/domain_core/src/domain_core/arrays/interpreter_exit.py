"""Lets Python end while TensorFlow still reads ahead.

An iterator of `tf.data` that is alive when a script ends, as after an error, is taken
down after Python. A call of Python code that is under way then never comes back, and
TensorFlow waits for it for ever.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from typing import Any

_QUIET_SECONDS, _MOST_SECONDS = 0.1, 10.0


class CallsAtExit:
    """Counts calls, and refuses them when Python ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self._last = 0.0
        self._is_closed = False
        self._is_registered = False

    def run(self, function: Callable[[], Any]) -> Any:
        """Calls a function.

        Raises:
            RuntimeError: if Python is about to end.
        """
        with self._lock:
            self._last = time.monotonic()
            if self._is_closed:
                raise RuntimeError("Python ends: nothing more is computed.")
            if not self._is_registered:
                # As late as this, it runs ahead of what TensorFlow does then.
                atexit.register(self.close)
                self._is_registered = True
            self._running += 1
        try:
            return function()
        finally:
            with self._lock:
                self._running -= 1
                self._last = time.monotonic()

    def close(self) -> None:
        """Waits until no call runs and none has come for a while."""
        with self._lock:
            self._is_closed = True
        end = time.monotonic() + _MOST_SECONDS
        while time.monotonic() < end:
            with self._lock:
                quiet = time.monotonic() - self._last
                if not self._running and quiet > _QUIET_SECONDS:
                    return
            time.sleep(0.01)


CALLS = CallsAtExit()
