"""Which source opens a handle, by what stands before "://"."""

from __future__ import annotations

import importlib
import re

from domain_core.presets.sources.source import Source

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
# Modules, because a client is imported when its kind of handle is first used.
_BUILT_IN = {"kaggle": "kaggle", "hf": "hugging_face", "https": "web"}
_SOURCES: dict[str, Source] = {}


def register_source(scheme: str, source: Source) -> None:
    """Adds a kind of handle, or replaces one.

    Args:
        scheme: what stands before "://".
        source: opens these handles.
    """
    _SOURCES[scheme.lower()] = source


def scheme_of(preset: str) -> str | None:
    """Returns what stands before "://" in a handle; None for names and paths."""
    match = _SCHEME.match(preset)
    return match.group(1).lower() if match else None


def source_of(handle: str) -> Source:
    """Returns the source that opens a handle.

    Raises:
        ValueError: if there is none for its scheme.
    """
    scheme = scheme_of(handle) or ""
    if scheme not in _SOURCES and scheme in _BUILT_IN:
        module = importlib.import_module(f"{__package__}.{_BUILT_IN[scheme]}.source")
        _SOURCES[scheme] = module.SOURCE
    if scheme not in _SOURCES:
        known = sorted(f"{name}://" for name in {*_BUILT_IN, *_SOURCES})
        # Not the handle itself: addresses may hold a password.
        raise ValueError(
            f"Expected a handle that starts with one of {known}, received one with "
            f"{scheme + '://'!r}. Pass one of these, the name of a preset or the path "
            "of a directory."
        )
    return _SOURCES[scheme]
