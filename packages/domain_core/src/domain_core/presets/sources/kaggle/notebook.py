"""Models that a Kaggle notebook has as inputs, which need no internet."""

from __future__ import annotations

import os
from pathlib import Path

from domain_core.preset_errors import PresetError, PresetNetworkError
from domain_core.presets.sources.kaggle import client as kaggle_client
from domain_core.presets.sources.kaggle.handle import KaggleHandle
from domain_core.presets.sources.source import is_offline
from domain_core.presets.sources.transfer import Deadline, Retry, in_time

# Seconds that mounting may take.
_PATIENCE = 60.0


def notebook_directory(handle: KaggleHandle) -> Path | None:
    """Returns where a Kaggle notebook has a model.

    Outside of Kaggle notebooks, and where the notebook has nothing to do with models,
    that is None.

    Raises:
        PresetNetworkError: if the notebook does not get it.
    """
    if "KAGGLE_KERNEL_RUN_TYPE" not in os.environ:
        return None
    mounted = _mounted(handle)
    attaches = "KAGGLE_DATA_PROXY_URL" in os.environ and os.environ.get(
        "DISABLE_KAGGLE_CACHE", ""
    ).lower() not in ("1", "t", "true")
    if mounted is not None or is_offline() or not attaches:
        return mounted
    deadline = Deadline(_PATIENCE)
    try:
        return in_time(
            lambda: kaggle_client.attach(handle, deadline), deadline, str(handle)
        )
    except Exception as error:
        verdict = (
            error
            if isinstance(error, PresetError)
            else kaggle_client.explain(error, handle)
        )
        if isinstance(verdict, PresetError) and not isinstance(
            verdict, PresetNetworkError
        ):
            raise verdict from error
        reason = verdict.reason if isinstance(verdict, Retry) else "no answer in time"
        raise PresetNetworkError(
            f"Expected '{handle}' among the inputs of this notebook; it is not, and "
            f"could not be mounted ({reason}). Add the model as an input: 'Add Input' "
            f"in the notebook's side bar, then search for {handle.page()}."
        ) from error


def _mounted(handle: KaggleHandle) -> Path | None:
    """Looks where notebooks mount models, so that nobody need be asked."""
    inputs = Path(os.environ.get("KAGGLE_CACHE_MOUNT_FOLDER", "/kaggle/input"))
    owner, model, framework, variation = handle.parts
    for home in (
        inputs / "models" / owner / model / framework.lower() / variation,
        inputs / model / framework.lower() / variation,
    ):
        if handle.version is not None:
            versions = [handle.version]
        else:
            names = [p.name for p in home.iterdir()] if home.is_dir() else []
            versions = sorted((int(n) for n in names if n.isdecimal()), reverse=True)
        for version in versions:
            if (home / str(version)).is_dir():
                return home / str(version)
    return None
