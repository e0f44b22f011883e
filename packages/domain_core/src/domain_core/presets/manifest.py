"""`manifest.json`: which files a native preset has, with size and SHA-256."""

from __future__ import annotations

from typing import Any

from domain_core.presets.folder import Folder
from domain_core.presets.json_files import json_value, read_json

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 8 * 2**20
SIGNATURE = "model.sig"


def read_manifest(folder: Folder) -> dict[str, Any]:
    """Returns what the manifest of a preset says.

    Raises:
        PresetCorruptError: if there is none, or it is no JSON object.
    """
    return read_json(folder, MANIFEST, MAX_MANIFEST_BYTES)


def manifest_entries(folder: Folder) -> dict[str, Any]:
    """Returns what the manifest says of each file, by name."""
    files: dict[str, Any] = json_value(
        read_manifest(folder), "files", dict, MANIFEST, folder
    )
    return files
