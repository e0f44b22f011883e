"""Progress bars that stay out of the way, and end what takes too long."""

from __future__ import annotations

import os
import sys
from typing import Any

from domain_core.preset_errors import PresetCorruptError, PresetNetworkError
from domain_core.presets.sources.retries import Deadline

SMALL = 2**20  # bytes that are there before anybody looks


def is_shown() -> bool:
    """Whether somebody can see a progress bar, and wants to."""
    wanted = os.environ.get("DOMAIN_CORE_PROGRESS", "1").strip() != "0"
    return wanted and sys.stderr is not None and sys.stderr.isatty()


def bar_class(size: int, deadline: Deadline, label: str) -> Any:
    """Returns the tqdm class for the download of one file.

    It writes to stderr, for files of a megabyte and more and where somebody can see
    it: not with `DOMAIN_CORE_PROGRESS=0`, nor where stderr is no terminal. Shown or
    not, its `update` ends a download that is late or longer than it should be.

    Args:
        size: bytes that the file should have.
        deadline: of the download.
        label: what the user asked for.
    """
    from tqdm import tqdm

    shown = is_shown() and size >= SMALL

    class Bar(tqdm):  # type: ignore[type-arg,misc,unused-ignore]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            kwargs.update(disable=not shown, file=sys.stderr, total=size)
            kwargs.update(unit="B", unit_scale=True)
            self._seen = kwargs.get("initial", 0)
            super().__init__(*args, **kwargs)

        def update(self, n: float | None = 1) -> bool | None:
            self._seen += n or 0
            if self._seen > size:
                raise PresetCorruptError(
                    f"Expected a file of {size} bytes in {label!r}; the server sends "
                    "more. Nothing of it was used; report it to who made the preset."
                )
            if deadline.is_over():
                raise PresetNetworkError(
                    f"Expected to download {label!r} within {deadline.seconds:.0f} "
                    "seconds; it takes longer. Set DOMAIN_CORE_TIMEOUT to more "
                    "seconds, and try again: it goes on where it stopped."
                )
            return super().update(n)

    return Bar
