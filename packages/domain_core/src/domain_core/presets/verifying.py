"""Verifies presets by their names, and fetches again what is damaged."""

from __future__ import annotations

import os

from domain_core.presets.consistent_reads import consistent
from domain_core.presets.integrity import (
    CHANGED,
    check_folder,
    drop_damaged,
    faults_of,
)
from domain_core.presets.manifest import MANIFEST
from domain_core.presets.open_preset import open_folder


@consistent
def verify(
    preset: str | os.PathLike[str], *, key: str | os.PathLike[str] | None = None
) -> dict[str, str]:
    """Does what `check_folder` does, for a preset by its name, handle or directory."""
    return check_folder(open_folder(preset), key)


def repair(
    preset: str | os.PathLike[str], *, key: str | os.PathLike[str] | None = None
) -> tuple[dict[str, str], list[str]]:
    """Does what `verify` does, after fetching damaged files of a download again.

    Returns:
        What `verify` returns, and the names of the files that were damaged.
    """
    damaged = drop_damaged(open_folder(preset))
    # Opened again: what was damaged may say which files there are.
    folder = open_folder(preset)
    if MANIFEST in folder:
        for name, fault in faults_of(folder).items():
            if fault == CHANGED and name not in damaged:
                folder.discard(name)
                damaged.append(name)
    return check_folder(open_folder(preset), key), damaged
