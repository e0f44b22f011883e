"""This library's own layout.

```
manifest.json            format, version, size and sha256 of every file
backbone.json            class and constructor arguments
backbone.safetensors     weights by attribute path
task.json, head.safetensors
preprocessor.json        the tokenizer inside
assets/                  vocabulary files
README.md                model card
```
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from domain_core._version import __version__
from domain_core.presets.files import TensorFiles, read_json, require
from domain_core.presets.layout import Layout
from domain_core.serialization import (
    from_json,
    registered_class,
    registered_name,
    to_json,
)
from domain_core.weight_map import IdentityMap

_FORMAT = "domain-core preset"
_FORMAT_VERSION = 1
_IDENTITY = IdentityMap()
# Arguments of a task that have files of their own.
_OWN_FILES = ("backbone", "preprocessor")


class NativeLayout(Layout):
    """Reads a directory that `save_preset` wrote.

    Raises:
        ValueError: if the manifest is of a later version, or a file that it lists is
            missing or of another size.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        manifest = read_json(directory, "manifest.json")
        if manifest.get("format") != _FORMAT:
            raise ValueError(
                f"Expected 'format': {_FORMAT!r} in the manifest of "
                f"{str(directory)!r}, received {manifest.get('format')!r}. This is no "
                "preset."
            )
        if manifest["format_version"] > _FORMAT_VERSION:
            raise ValueError(
                f"Expected format version {_FORMAT_VERSION} at most, received "
                f"{manifest['format_version']} in {str(directory)!r}. Upgrade: "
                "`pip install -U domain-core`."
            )
        for name, entry in manifest["files"].items():
            size = require(directory, name).stat().st_size
            if size != entry["size"]:
                raise ValueError(
                    f"Expected {name!r} in {str(directory)!r} to have {entry['size']} "
                    f"bytes, received {size}. Save or download the preset again."
                )

    @staticmethod
    def recognizes(directory: Path) -> bool:
        """Whether a directory has this layout."""
        return (directory / "manifest.json").is_file()

    def backbone(self) -> tuple[type, dict[str, Any]]:
        return self._class_and_config("backbone.json")

    def has_weights(self) -> bool:
        return (self._directory / "backbone.safetensors").is_file()

    def assign_backbone(self, backbone: Any) -> None:
        self._assign("backbone.safetensors", backbone.weight_paths())

    def task(self) -> tuple[type, dict[str, Any]] | None:
        if not (self._directory / "task.json").is_file():
            return None
        return self._class_and_config("task.json")

    def assign_head(self, task: Any) -> None:
        variables = task.head_weight_paths()
        if variables:
            self._assign("head.safetensors", variables)

    def tokenizer(self, cls: type, **kwargs: Any) -> Any:
        if not (self._directory / "preprocessor.json").is_file():
            return None
        data = read_json(self._directory, "preprocessor.json")
        stored = data["config"].get("tokenizer", data)
        tokenizer_cls: Any = registered_class(stored["class"])
        if not issubclass(tokenizer_cls, cls):
            raise ValueError(
                f"Expected a preset for {cls.__name__}; {str(self._directory)!r} is "
                f"for {tokenizer_cls.__name__}. Call its `from_preset` instead."
            )
        tokenizer = tokenizer_cls.from_config({**stored["config"], **kwargs})
        tokenizer.load_assets(str(self._directory / "assets"))
        return tokenizer

    def image_converter(self) -> Any:
        return getattr(self.preprocessor(), "image_converter", None)

    def preprocessor(self) -> Any:
        if not (self._directory / "preprocessor.json").is_file():
            return None
        data = read_json(self._directory, "preprocessor.json")
        if "tokenizer" in data["config"]:
            data["config"]["tokenizer"] = self.tokenizer(object)
        return from_json(data)

    def _class_and_config(self, name: str) -> tuple[type, dict[str, Any]]:
        data = read_json(self._directory, name)
        return registered_class(data["class"]), {
            key: from_json(value) for key, value in data["config"].items()
        }

    def _assign(self, name: str, variables: Mapping[str, keras.Variable]) -> None:
        with TensorFiles(self._directory, name) as tensors:
            _IDENTITY.assign(variables, tensors.shapes(), tensors.read)


def save_preset(
    preset_dir: str | os.PathLike[str],
    *,
    backbone: Any = None,
    task: Any = None,
    preprocessor: Any = None,
    overwrite: bool = False,
) -> None:
    """Writes a preset directory: aside first, then swapped in whole.

    Args:
        preset_dir: directory to make.
        backbone: a `Backbone`.
        task: a `Task`.
        preprocessor: a `Preprocessor` or a `Tokenizer`.
        overwrite: replace what is there.

    Raises:
        ValueError: if the directory holds something and `overwrite` is False, or the
            preprocessor cannot be stored. Nothing is written then.
    """
    target = Path(preset_dir).expanduser().absolute()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        if not overwrite:
            raise ValueError(
                f"Expected a new or empty directory, received {str(target)!r}, which "
                "is not. Pass overwrite=True to replace it, or choose another path."
            )
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        if backbone is not None:
            _write_json(aside / "backbone.json", to_json(backbone))
            _write_tensors(aside / "backbone.safetensors", backbone.weight_paths())
        if task is not None:
            _write_task(aside, task)
        if preprocessor is not None:
            _write_preprocessor(aside, preprocessor)
        _write_card(aside, task or backbone or preprocessor)
        _write_manifest(aside)
        aside.chmod(0o755)
        _swap(aside, target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _write_task(directory: Path, task: Any) -> None:
    own = {k: v for k, v in task.get_config().items() if k not in _OWN_FILES}
    name = registered_name(type(task))
    _write_json(directory / "task.json", {"class": name, "config": to_json(own)})
    if variables := task.head_weight_paths():
        _write_tensors(directory / "head.safetensors", variables)


def _write_preprocessor(directory: Path, preprocessor: Any) -> None:
    data = to_json(preprocessor)
    tokenizer = getattr(preprocessor, "tokenizer", preprocessor)
    if tokenizer is not None and "config" in data:
        stored = data["config"].get("tokenizer", data)
        for key in tokenizer.asset_config_keys:
            stored["config"].pop(key, None)
        (directory / "assets").mkdir()
        tokenizer.save_assets(str(directory / "assets"))
    _write_json(directory / "preprocessor.json", data)


def _write_tensors(path: Path, variables: Mapping[str, keras.Variable]) -> None:
    from safetensors.numpy import save_file

    # In order: of an array with other strides, safetensors writes the wrong numbers.
    arrays = {
        name: np.asarray(keras.ops.convert_to_numpy(variable.value), order="C")
        for name, variable in variables.items()
    }
    save_file(arrays, str(path), metadata={"format": "keras"})


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _write_card(directory: Path, model: Any) -> None:
    cls = type(model)
    package = cls.__module__.split(".")[0]
    (directory / "README.md").write_text(
        f"# {cls.__name__}\n\nSaved by `{cls.__name__}.save_to_preset`. Load it with\n"
        f"\n```python\nimport {package}\nfrom {cls.__module__} import {cls.__name__}\n"
        f'\nmodel = {cls.__name__}.from_preset("path/of/this/directory")\n```\n',
        encoding="utf-8",
    )


def _write_manifest(directory: Path) -> None:
    files = {}
    for path in sorted(p for p in directory.rglob("*") if p.is_file()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        name = path.relative_to(directory).as_posix()
        files[name] = {"size": path.stat().st_size, "sha256": digest}
    manifest = {
        "format": _FORMAT,
        "format_version": _FORMAT_VERSION,
        "written_by": f"domain-core {__version__}",
        "files": files,
    }
    _write_json(directory / "manifest.json", manifest)


def _swap(aside: Path, target: Path) -> None:
    """Puts a finished directory in the place of the old one."""
    if not target.exists():
        aside.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    target.rename(old / "preset")
    aside.rename(target)
    shutil.rmtree(old)
