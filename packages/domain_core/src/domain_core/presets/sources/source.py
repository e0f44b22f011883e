"""What a source of presets does: open a handle, and take an upload."""

from __future__ import annotations

import abc
import os
from pathlib import Path
from typing import Any

from domain_core.presets.folder import Folder


class Source(abc.ABC):
    """Where the presets of one kind of handle come from. Subclasses write `open`.

    Clients of other people are imported inside the methods: a missing or broken one
    must not break anything but its own handles.
    """

    @abc.abstractmethod
    def open(self, handle: str, **options: Any) -> Folder:
        """Returns the files of a preset, which are downloaded when asked for.

        Args:
            handle: with its scheme, such as "kaggle://keras/bert/keras/bert_base_en/3".
            **options: `revision` where the source knows revisions.

        Raises:
            ValueError: if the handle is no handle of this source.
            PresetError: the subclass that says why it could not be opened.
        """

    def upload(self, handle: str, directory: Path, **options: Any) -> str:
        """Uploads a preset directory.

        Returns:
            The handle under which the preset now is, with its version.
        """
        raise ValueError(
            f"Expected a handle that takes uploads, received {handle!r}. Use "
            "'kaggle://' or 'hf://'."
        )


def is_offline() -> bool:
    """Whether `DOMAIN_CORE_OFFLINE` forbids every request."""
    value = os.environ.get("DOMAIN_CORE_OFFLINE", "").strip().lower()
    return value not in ("", "0", "false", "no", "off")
