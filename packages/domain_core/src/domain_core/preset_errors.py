"""What can be wrong with a preset, one class per thing a caller may want to handle."""

from __future__ import annotations


class PresetError(ValueError):
    """Base class of all that goes wrong with a preset.

    A `ValueError`, so that code which does not care about the difference needs one
    `except`. Messages name the preset, never a token or password.
    """


class PresetNotFoundError(PresetError):
    """There is no preset, or no file of it, at this place."""


class PresetAccessError(PresetError):
    """The preset exists but this user may not read it."""


class PresetNetworkError(PresetError):
    """The preset could not be reached in time, or no request may be sent."""


class PresetCorruptError(PresetError):
    """The files of the preset are incomplete, damaged, or do not fit each other."""


class PresetUnsafeError(PresetError):
    """The preset asks for what no preset may do; nothing of it was used."""
