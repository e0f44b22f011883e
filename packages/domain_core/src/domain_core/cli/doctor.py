"""`doctor`: what is installed, what runs, and what stands in the way."""

from __future__ import annotations

import argparse
import contextlib
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import keras

from domain_core._installation import packages_with_presets
from domain_core.cli.answer import Answer, add_command, pairs, size_text

_PACKAGES = ("domain-core", "kerascv", "kerasnlp", "keras", "numpy")
_BACKENDS = ("jax", "tensorflow", "torch")
_CLIENTS = {
    "kagglehub": "kaggle://",
    "huggingface_hub": "hf://",
    "model-signing": "signatures",
}
_UPSTREAM = {"keras-cv": "kerascv", "keras-nlp": "kerasnlp"}


def add_to(commands: Any) -> None:
    """Adds the command."""
    add_command(
        commands,
        "doctor",
        _run,
        help="Show versions, backend, devices and caches, and what is wrong.",
        description="Sends no request. The exit status is 1 if something is wrong.",
        examples=["", "--json"],
    )


def _run(arguments: argparse.Namespace) -> Answer:
    caches = {name: _cache(path) for name, path in _cache_places().items()}
    problems = _problems()
    data: dict[str, Any] = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "backends": {name: _version(name) for name in _BACKENDS},
        "backend": keras.config.backend(),
        "devices": _devices(),
        "clients": {name: _version(name) for name in _CLIENTS},
        "offline": _is_offline(),
        "caches": caches,
        "problems": problems,
    }
    return Answer(_text(data), data, code=1 if problems else 0)


def _text(data: dict[str, Any]) -> str:
    def versions(found: dict[str, str | None]) -> dict[str, str]:
        return {name: version or "not installed" for name, version in found.items()}

    clients = {
        f"{name}": f"{version} (for {_CLIENTS[name]})"
        for name, version in versions(data["clients"]).items()
    }
    caches = {
        name: f"{cache['path']} ({size_text(cache['size'])})"
        for name, cache in data["caches"].items()
    }
    active = {
        "active": data["backend"],
        "devices": ", ".join(data["devices"]) or "none found",
    }
    offline = "yes: no request is sent" if data["offline"] else "no"
    parts = [
        pairs({"python": f"{data['python']} on {data['system']}"}),
        "packages\n" + pairs(versions(data["packages"]), "  "),
        "backends\n" + pairs({**versions(data["backends"]), **active}, "  "),
        "clients\n" + pairs(clients, "  "),
        "caches\n" + pairs(caches, "  "),
        pairs({"offline": offline}),
        "problems\n" + "\n".join(f"  {line}" for line in data["problems"])
        if data["problems"]
        else "No problems found.",
    ]
    return "\n\n".join(parts)


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _devices() -> list[str]:
    if keras.config.backend() == "jax":
        import jax

        return [str(device) for device in jax.devices()]
    if keras.config.backend() == "tensorflow":
        import tensorflow as tf

        devices = tf.config.list_physical_devices()
        return [device.name.removeprefix("/physical_device:") for device in devices]
    if keras.config.backend() == "torch":
        import torch

        found = [
            f"cuda:{i} ({torch.cuda.get_device_name(i)})"
            for i in range(torch.cuda.device_count())
        ]
        if torch.backends.mps.is_available():
            found.append("mps")
        return [*found, "cpu"]
    return ["cpu"]


def _is_offline() -> bool:
    from domain_core.presets.sources.source import is_offline

    return is_offline()


def _cache_places() -> dict[str, Path]:
    from domain_core.presets.sources.cache import cache_directory
    from domain_core.presets.sources.kaggle.cache import kaggle_cache_directory

    hub = os.environ.get("HF_HUB_CACHE")
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    return {
        "kaggle": kaggle_cache_directory(),
        "hugging_face": Path(hub) if hub else home / "hub",
        "domain_core": cache_directory(),
    }


def _cache(directory: Path) -> dict[str, Any]:
    size = 0
    for parent, _, files in os.walk(directory):
        for name in files:
            path = Path(parent, name)
            # Hugging Face's links point to files that are counted anyway.
            with contextlib.suppress(OSError):  # somebody else tidies up
                size += 0 if path.is_symlink() else path.stat().st_size
    return {"path": str(directory), "size": size}


def _problems() -> list[str]:
    found = [
        f"{theirs} is installed, which overwrites {ours}: run `pip uninstall -y "
        f"{theirs}`, then `pip install --force-reinstall --no-deps {ours}`"
        for theirs, ours in _UPSTREAM.items()
        if _version(theirs) is not None
    ]
    found += [
        f"`import {name}` fails: `python -c 'import {name}'` shows why"
        for name in packages_with_presets()
        if name not in sys.modules
    ]
    if _version("kagglehub") is None:
        found.append("kagglehub is missing: `pip install kagglehub`")
    return found
