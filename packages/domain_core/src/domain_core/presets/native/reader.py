"""This library's own layout.

```
manifest.json            format, version, size and sha256 of every file
backbone.json            class and constructor arguments
backbone.safetensors     weights by attribute path
generation_config.json   where the backbone has one
task.json, head.safetensors
preprocessor.json        the tokenizer inside
assets/                  vocabulary files
README.md                model card
```
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import keras

from domain_core.preset_errors import PresetCorruptError
from domain_core.presets.chat_and_generation import read_generation_config
from domain_core.presets.folder import Folder, PartOfFolder
from domain_core.presets.json_files import json_value, read_json
from domain_core.presets.layout import Layout
from domain_core.presets.manifest import MANIFEST, MAX_MANIFEST_BYTES
from domain_core.presets.safetensors_reader import TensorFiles
from domain_core.presets.tokenizer_assets import load_assets
from domain_core.serialization import (
    from_json,
    registered_class,
)
from domain_core.weights.allocation_budget import allocation_budget
from domain_core.weights.weight_map import IdentityMap

if TYPE_CHECKING:
    from domain_core.backbone import Backbone
    from domain_core.task import Task

FORMAT = "domain-core preset"
FORMAT_VERSION = 1
_PREPROCESSOR = "preprocessor.json"
_IDENTITY = IdentityMap()


class NativeLayout(Layout):
    """Reads a directory that `save_preset` wrote.

    Raises:
        ValueError: if the manifest is of a later version, or a file that it lists is
            missing or of another size.
    """

    def __init__(self, folder: Folder) -> None:
        manifest = read_json(folder, MANIFEST, MAX_MANIFEST_BYTES)
        if manifest.get("format") != FORMAT:
            raise PresetCorruptError(
                f"Expected 'format': {FORMAT!r} in the manifest of {folder.label!r}, "
                f"received {manifest.get('format')!r:.200}. This is no preset."
            )
        version = json_value(manifest, "format_version", int, MANIFEST, folder)
        if version < 1:
            raise PresetCorruptError(
                f"Expected a format version of 1 or more in {MANIFEST!r} of the preset "
                f"{folder.label!r}, received {version}. Save it again."
            )
        if version > FORMAT_VERSION:
            raise PresetCorruptError(
                f"Expected format version {FORMAT_VERSION} at most, received "
                f"{version} in {folder.label!r}. Upgrade: `pip install -U domain-core`."
            )
        files = json_value(manifest, "files", dict, MANIFEST, folder)
        # Anything else that lies there is no part of the preset.
        self._folder = PartOfFolder(folder, [MANIFEST, *files])
        for name, entry in files.items():
            size = json_value(entry, "size", int, MANIFEST, folder)
            if folder.sizes().get(name, size) != size:
                raise PresetCorruptError(
                    f"Expected {name!r} of the preset {folder.label!r} to have {size} "
                    f"bytes, received {folder.sizes()[name]}. Save or download the "
                    "preset again."
                )
            if name not in folder:
                folder.require(name)

    @staticmethod
    def recognizes(folder: Folder) -> bool:
        """Whether a preset has this layout."""
        return MANIFEST in folder

    def backbone(self, load_weights: bool) -> tuple[type, dict[str, Any]]:
        return self._class_and_config("backbone.json")

    def has_weights(self) -> bool:
        name = "backbone.safetensors"
        return name in self._folder or f"{name}.index.json" in self._folder

    def weight_shapes(self, head: bool) -> Collection[tuple[int, ...]] | None:
        name = "head.safetensors" if head else "backbone.safetensors"
        if name not in self._folder and f"{name}.index.json" not in self._folder:
            return []
        with TensorFiles(self._folder, name) as tensors:
            return tensors.shapes().values()

    def assign_backbone(self, backbone: Backbone) -> None:
        self._assign("backbone.safetensors", backbone.weight_paths())

    def task(
        self, cls: type = object, *, load_weights: bool = False
    ) -> tuple[type, dict[str, Any]] | None:
        if "task.json" not in self._folder:
            return None
        return self._class_and_config("task.json")

    def assign_head(self, task: Task) -> None:
        variables = task.head_weight_paths()
        if variables:
            self._assign("head.safetensors", variables)

    def tokenizer(self, cls: type, **kwargs: Any) -> Any:
        if _PREPROCESSOR not in self._folder:
            return None
        data, config = self._preprocessor_data()
        stored = config.get("tokenizer", data)
        if stored is None:
            return None
        tokenizer_cls: Any = registered_class(stored["class"])
        if not hasattr(tokenizer_cls, "load_assets"):
            return None
        if not issubclass(tokenizer_cls, cls):
            raise ValueError(
                f"Expected a preset for {cls.__name__}; {self._folder.label!r} is "
                f"for {tokenizer_cls.__name__}. Call its `from_preset` instead."
            )
        tokenizer = tokenizer_cls.from_config({**stored["config"], **kwargs})
        load_assets(tokenizer, self._folder, "assets")
        return tokenizer

    def image_converter(self) -> Any:
        stored = self.preprocessor()
        is_converter = hasattr(stored, "convert_tensors")
        return stored if is_converter else getattr(stored, "image_converter", None)

    def preprocessor(self) -> Any:
        if _PREPROCESSOR not in self._folder:
            return None
        data, config = self._preprocessor_data()
        if "tokenizer" in config:
            config["tokenizer"] = self.tokenizer(object)
        return from_json(data)

    def generation_config(self) -> dict[str, Any] | None:
        return read_generation_config(self._folder)

    def _preprocessor_data(self) -> tuple[dict[str, Any], dict[str, Any]]:
        name = _PREPROCESSOR
        data = read_json(self._folder, name)
        json_value(data, "class", str, name, self._folder)
        config = json_value(data, "config", dict, name, self._folder)
        if isinstance(config.get("tokenizer", 0), dict):
            json_value(config["tokenizer"], "class", str, name, self._folder)
            json_value(config["tokenizer"], "config", dict, name, self._folder)
        return data, config

    def _class_and_config(self, name: str) -> tuple[type, dict[str, Any]]:
        data = read_json(self._folder, name)
        config = json_value(data, "config", dict, name, self._folder)
        cls = registered_class(json_value(data, "class", str, name, self._folder))
        # Objects inside a config are small; what is large has a file of its own.
        with allocation_budget([], self._folder.label):
            return cls, {key: from_json(value) for key, value in config.items()}

    def _assign(self, name: str, variables: Mapping[str, keras.Variable]) -> None:
        with TensorFiles(self._folder, name) as tensors:
            _IDENTITY.assign(variables, tensors.shapes(), tensors.read)
