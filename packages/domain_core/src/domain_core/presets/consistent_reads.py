"""Loads that see one state of a directory, though another process saves into it.

A save puts a new directory in the place of the old one. Who opens one file after the
other may get some of both: then all is read again, at last while saves are held off.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from domain_core.preset_errors import PresetError
from domain_core.presets.disk import saving
from domain_core.presets.folder import LocalFolder

_P = ParamSpec("_P")
_T = TypeVar("_T")
_ATTEMPTS = 6
_WITHOUT_LOCK = 2


def consistent(load: Callable[_P, _T]) -> Callable[_P, _T]:
    """Makes a function that reads presets see the files of one save only.

    Args:
        load: what opens presets by their paths, and returns what it built from them.

    Returns:
        A function that calls `load` again where files changed meanwhile. It raises
        PresetError if they never stay the same.
    """

    @functools.wraps(load)
    def loaded(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        changed: list[LocalFolder] = []
        for attempt in range(_ATTEMPTS):
            locked = attempt >= _WITHOUT_LOCK
            with contextlib.ExitStack() as held, LocalFolder.opened() as folders:
                if locked:
                    for root in sorted({folder.root.resolve() for folder in changed}):
                        held.enter_context(saving(root))
                try:
                    result = load(*args, **kwargs)
                except Exception:
                    changed = [folder for folder in folders if folder.is_replaced()]
                    if not changed:
                        raise
                else:
                    changed = [
                        folder
                        for folder in folders
                        if (folder.is_changed() if locked else folder.is_replaced())
                    ]
                    if not changed:
                        return result
        raise PresetError(
            f"Expected the preset {changed[0].label!r} to stay as it is for as long as "
            "it takes to load; it was saved again each time. Load a copy of it, or "
            "save less often."
        )

    return loaded
