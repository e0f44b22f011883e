"""Models that notebooks of Kaggle and Colab mount, which need no internet."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from domain_core.preset_errors import PresetNetworkError
from domain_core.presets.sources.kaggle.client import explain, kagglehub_clients
from domain_core.presets.sources.kaggle.handle import KaggleHandle
from domain_core.presets.sources.retries import Deadline, with_retries
from domain_core.presets.sources.source import is_offline

# Seconds that mounting may take, unless the user says otherwise.
_PATIENCE = 60.0
_TIMEOUT = (5.0, 30.0)  # seconds to connect, and without a byte
_INPUTS = "/kaggle/input"


def notebook_directory(handle: KaggleHandle) -> Path | None:
    """Returns where the notebook around us has a model.

    Outside of notebooks, and where the notebook has nothing to do with models, that is
    None.

    Raises:
        PresetNetworkError: if the notebook does not get it.
    """
    in_kaggle = "KAGGLE_KERNEL_RUN_TYPE" in os.environ
    mounted = _mounted(handle) if in_kaggle else None
    if mounted is not None or is_offline():
        return mounted
    if in_kaggle and _attaches("KAGGLE_DATA_PROXY_URL", "DISABLE_KAGGLE_CACHE"):
        return _attach(handle, _ask_kaggle, "KAGGLE_CACHE_MOUNT_FOLDER")
    if _attaches("TBE_RUNTIME_ADDR", "DISABLE_COLAB_CACHE"):
        return _attach(handle, _ask_colab, "COLAB_CACHE_MOUNT_FOLDER")
    return None


def _attaches(server: str, switch: str) -> bool:
    off = os.environ.get(switch, "").lower() in ("1", "t", "true")
    return server in os.environ and not off


def _attach(handle: KaggleHandle, ask: Any, mounts: str) -> Path | None:
    """Lets the server of the notebook mount a model, and waits until it is there."""
    deadline = Deadline(usual=_PATIENCE)
    try:
        slug = with_retries(
            lambda: ask(handle), lambda e: explain(e, handle), deadline, str(handle)
        )
        if slug is None:
            return None
        directory = Path(os.environ.get(mounts, _INPUTS), slug)
        while not directory.exists():
            if deadline.is_over():
                raise PresetNetworkError("It did not appear.")
            time.sleep(min(0.5, deadline.left()))
        return directory
    except PresetNetworkError as error:
        raise PresetNetworkError(
            f"Expected '{handle}' among the inputs of this notebook; it is not, and "
            "could not be mounted. Add the model as an input: 'Add Input' in the "
            f"notebook's side bar, then search for {handle.page()}. {error}"
        ) from error


def _ask_kaggle(handle: KaggleHandle) -> Any:
    keys = "OwnerSlug", "ModelSlug", "Framework", "InstanceSlug"
    model = dict(zip(keys, handle.parts, strict=True))
    if handle.version is not None:
        model["VersionNumber"] = str(handle.version)
    client = kagglehub_clients().KaggleJwtClient()
    request = "AttachDatasourceUsingJwtRequest"
    return client.post(request, {"modelRef": model}, timeout=_TIMEOUT)["mountSlug"]


def _ask_colab(handle: KaggleHandle) -> Any:
    clients = kagglehub_clients()
    keys = "owner", "model", "framework", "variation"
    model: dict[str, Any] = dict(zip(keys, handle.parts, strict=True))
    if handle.version is not None:
        model["version"] = handle.version
    client = clients.ColabClient()
    try:
        client.post(model, client.IS_MODEL_SUPPORTED_PATH)
    except clients.NotFoundError:
        return None
    return client.post(model, client.MODEL_MOUNT_PATH)["slug"]


def _mounted(handle: KaggleHandle) -> Path | None:
    """Looks where notebooks mount models, so that nobody need be asked."""
    inputs = Path(os.environ.get("KAGGLE_CACHE_MOUNT_FOLDER", _INPUTS))
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
