"""`kaggle://owner/model/framework/variation[/version]`.

`kagglehub` and its `kagglesdk` say who the user is, what there is and where; the bytes
go through our own requests, which have time limits and print nothing. Downloads lie in
the cache of `kagglehub`, where other libraries find them too. A handle with a version
whose files are in the cache needs no request.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from domain_core.preset_errors import PresetNetworkError
from domain_core.presets.folder import Folder, LocalFolder
from domain_core.presets.sources.kaggle.handle import KaggleHandle, parse_kaggle_handle
from domain_core.presets.sources.kaggle.notebook import notebook_directory
from domain_core.presets.sources.kaggle.reader import KaggleFolder, newest
from domain_core.presets.sources.kaggle.writer import upload
from domain_core.presets.sources.source import Source, is_offline


class KaggleSource(Source):
    """Opens `kaggle://` handles, and takes uploads."""

    def open(self, handle: str, **options: Any) -> Folder:
        if options:
            raise ValueError(
                f"Expected no options for {handle[:200]!r}, received "
                f"{sorted(options)}. Put the version at the end of the handle."
            )
        parsed = parse_kaggle_handle(handle)
        mounted = notebook_directory(parsed)
        if mounted is not None:
            return LocalFolder(mounted, str(parsed))
        if parsed.version is None:
            parsed = KaggleHandle(*parsed.parts, newest(parsed))
        return KaggleFolder(parsed)

    def upload(self, handle: str, directory: Path, **options: Any) -> str:
        """Uploads a preset directory as a new version.

        Args:
            handle: without a version: Kaggle counts.
            directory: whose files to upload.
            **options: `license_name` and `version_notes` for Kaggle.

        Returns:
            The handle with the version; without, if Kaggle does not tell it yet.
        """
        parsed = parse_kaggle_handle(handle)
        unknown = sorted(options.keys() - {"license_name", "version_notes"})
        if parsed.version is not None or unknown:
            raise ValueError(
                "Expected a handle without a version, and 'license_name' and "
                f"'version_notes' as options, received '{parsed}' and {unknown}. "
                "Kaggle gives the next version itself."
            )
        if is_offline():
            raise PresetNetworkError(
                f"Expected to upload to '{parsed}', but DOMAIN_CORE_OFFLINE forbids "
                "requests. Unset it."
            )
        return upload(parsed, directory, **options)


SOURCE = KaggleSource()
