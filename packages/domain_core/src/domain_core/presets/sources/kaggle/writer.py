"""Uploads a directory to Kaggle, as a new version of a model."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from domain_core.preset_errors import PresetError, PresetNetworkError
from domain_core.presets.folder import LocalFolder
from domain_core.presets.sources.kaggle.client import (
    explain,
    kagglehub_clients,
    newest_version,
    variation_of,
)
from domain_core.presets.sources.kaggle.handle import KaggleHandle
from domain_core.presets.sources.progress import is_shown
from domain_core.presets.sources.retries import Deadline, Retry, with_retries


def upload(handle: KaggleHandle, directory: Path, **options: str) -> str:
    """Uploads the files of a directory; `kagglehub` goes on where it was cut.

    Args:
        handle: without a version.
        directory: whose files to upload.
        **options: `license_name` of a new model, `version_notes` of a new version.

    Returns:
        The handle with the version; without, if Kaggle does not tell it yet.
    """
    kagglehub = kagglehub_clients().kagglehub
    variation_of(handle)  # a framework that Kaggle knows
    model, folder = "/".join(handle.parts), str(directory)
    with _without_stdout():
        with_retries(
            lambda: kagglehub.model_upload(model, folder, **options),
            lambda error: _explain_upload(error, handle),
            Deadline(size=sum(LocalFolder(directory).sizes().values())),
            str(handle),
        )
    with contextlib.suppress(PresetError):
        version = newest_version(handle, Deadline())
        return str(KaggleHandle(*handle.parts, version))
    return str(handle)


@contextlib.contextmanager
def _without_stdout() -> Iterator[None]:
    """Lets the client show its bars on a terminal, and else say nothing."""
    logger = logging.getLogger("kagglehub")
    level = logger.level
    shown = sys.stderr if is_shown() else io.StringIO()
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
            yield
    finally:
        logger.setLevel(level)


def _explain_upload(error: Exception, handle: KaggleHandle) -> Retry | PresetError:
    """Retries only what Kaggle refused to begin: there must be one new version."""
    verdict = explain(error, handle)
    if isinstance(verdict, Retry) and not re.fullmatch(
        "HTTP (429|503)", verdict.reason
    ):
        return PresetNetworkError(
            f"Expected to upload to '{handle}'; it failed on the way ({verdict.reason})"
            f". See at {handle.page()} whether there is a new version, then try again."
        )
    return verdict
