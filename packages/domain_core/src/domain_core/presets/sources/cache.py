"""Where downloaded presets lie that no client keeps a cache for."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from domain_core.preset_errors import PresetNetworkError


def cache_directory() -> Path:
    """Returns this library's cache: `DOMAIN_CORE_CACHE`, or the system's usual place.

    The Kaggle and Hugging Face clients keep their files in their own caches.
    """
    if chosen := os.environ.get("DOMAIN_CORE_CACHE"):
        return Path(chosen).expanduser().absolute()
    home = Path.home()
    if sys.platform == "win32":
        place = os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local"
    elif sys.platform == "darwin":
        place = home / "Library" / "Caches"
    else:
        place = os.environ.get("XDG_CACHE_HOME") or home / ".cache"
    return Path(place, "domain_core")


def write_whole(path: Path, content: bytes) -> None:
    """Writes a small file under a temporary name first, so that nobody reads half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise


def not_cached(label: str, what: str) -> PresetNetworkError:
    """Returns the error for what only a request, which is forbidden, could bring."""
    return PresetNetworkError(
        f"Expected {what} of {label!r} to be in the cache, because no request may be "
        "sent (DOMAIN_CORE_OFFLINE, or the client's own switch); it is not there. On "
        f"a computer with internet run `python -m domain_core download {label} "
        "DIRECTORY`, bring the directory here, and pass its path as the preset."
    )
