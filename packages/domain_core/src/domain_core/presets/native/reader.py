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

from domain_core.preset_errors import PresetCorruptError, PresetUnsafeError
from domain_core.presets.chat_and_generation import read_generation_config
from domain_core.presets.folder import Folder, PartOfFolder
from domain_core.presets.json_files import json_value, read_json
from domain_core.presets.layout import Layout
from domain_core.presets.manifest import MANIFEST, MAX_MANIFEST_BYTES
from domain_core.presets.safetensors_reader import TensorFiles
from domain_core.presets.tokenizer_assets import load_assets
from domain_core.serialization import (
    classes_in,
    from_json,
    has_role,
    object_of,
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
# What `preprocessor.json` may hold, and what no part of it may be.
PREPROCESSORS = ("preprocessor", "tokenizer", "image_converter")
MODELS = ("backbone", "task")


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
        return self._class_and_config("backbone.json", "backbone")

    def has_backbone(self) -> bool:
        return "backbone.json" in self._folder

    def has_weights(self) -> bool:
        name = "backbone.safetensors"
        return name in self._folder or f"{name}.index.json" in self._folder

    def weight_shapes(self, head: bool) -> Collection[tuple[int, ...]] | None:
        name = "head.safetensors" if head else "backbone.safetensors"
        if name not in self._folder and f"{name}.index.json" not in self._folder:
            return []
        with TensorFiles(self._folder, name) as tensors:
            return tensors.shapes().values()

    def weight_bytes(self) -> int | None:
        return self._folder.weight_bytes()

    def assign_backbone(self, backbone: Backbone) -> None:
        self._assign("backbone.safetensors", backbone.weight_paths())

    def task(
        self, cls: type = object, *, load_weights: bool = False
    ) -> tuple[type, dict[str, Any]] | None:
        if "task.json" not in self._folder:
            return None
        return self._class_and_config("task.json", "task")

    def assign_head(self, task: Task) -> None:
        variables = task.head_weight_paths()
        if variables:
            self._assign("head.safetensors", variables)

    def tokenizer(self, cls: type, **kwargs: Any) -> Any:
        if _PREPROCESSOR not in self._folder:
            return None
        stored_cls, stored = self._data(_PREPROCESSOR, *PREPROCESSORS)
        if not has_role(stored_cls, "tokenizer"):
            if stored.get("tokenizer") is None:
                return None
            stored_cls, stored = self._class_and_arguments(
                stored["tokenizer"], _PREPROCESSOR, "tokenizer"
            )
        if not issubclass(stored_cls, cls):
            raise ValueError(
                f"Expected a preset for {cls.__name__}; {self._folder.label!r} is "
                f"for {stored_cls.__name__}. Call its `from_preset` instead."
            )
        tokenizer = self._built(stored_cls, stored, **kwargs)
        load_assets(tokenizer, self._folder, "assets")
        return tokenizer

    def image_converter(self) -> Any:
        if _PREPROCESSOR not in self._folder:
            return None
        stored_cls, stored = self._data(_PREPROCESSOR, *PREPROCESSORS)
        if not has_role(stored_cls, "image_converter"):
            if stored.get("image_converter") is None:
                return None
            stored_cls, stored = self._class_and_arguments(
                stored["image_converter"], _PREPROCESSOR, "image_converter"
            )
        return self._built(stored_cls, stored)

    def preprocessor(self) -> Any:
        if _PREPROCESSOR not in self._folder:
            return None
        cls, config = self._data(_PREPROCESSOR, *PREPROCESSORS)
        if has_role(cls, "tokenizer"):
            return self.tokenizer(object)
        parts = {}
        if isinstance(config.get("tokenizer"), dict):
            parts["tokenizer"] = self.tokenizer(object)
        if isinstance(config.get("image_converter"), dict):
            parts["image_converter"] = self.image_converter()
        return self._built(cls, config, **parts)

    def generation_config(self) -> dict[str, Any] | None:
        return read_generation_config(self._folder)

    def _data(self, name: str, *roles: str) -> tuple[Any, dict[str, Any]]:
        """Returns the class in a file, of one of the roles, and its config as JSON."""
        return self._class_and_arguments(read_json(self._folder, name), name, *roles)

    def _class_and_arguments(
        self, data: Any, file: str, *roles: str
    ) -> tuple[Any, dict[str, Any]]:
        json_value(data, "class", str, file, self._folder)
        config = json_value(data, "config", dict, file, self._folder)
        if unknown := sorted(data.keys() - {"class", "config"}):
            raise PresetCorruptError(
                f"Expected 'class' and 'config' and nothing else in {file!r} of the "
                f"preset {self._folder.label!r}, received the key {unknown[0]!r:.200}. "
                "It is of a later version, or damaged."
            )
        return registered_class(data["class"], *roles), config

    def _class_and_config(self, name: str, role: str) -> tuple[type, dict[str, Any]]:
        cls, config = self._data(name, role)
        # Objects inside a config are small; what is large has a file of its own.
        with allocation_budget([], self._folder.label):
            return cls, {key: from_json(value) for key, value in config.items()}

    def _built(self, cls: type, config: Mapping[str, Any], **parts: Any) -> Any:
        """Returns an object that is no model.

        Args:
            cls: its class.
            config: its arguments as JSON data.
            **parts: arguments that take the place of those.
        """
        own = {key: value for key, value in config.items() if key not in parts}
        for inner in classes_in(own):
            if has_role(inner, *MODELS):
                raise PresetUnsafeError(
                    f"Expected no model inside {_PREPROCESSOR!r} of the preset "
                    f"{self._folder.label!r}, received a {inner.__name__}: models have "
                    "files of their own. Do not use this preset."
                )
        with allocation_budget([], self._folder.label):
            arguments = {key: from_json(value) for key, value in own.items()}
            return object_of(cls, {**arguments, **parts})

    def _assign(self, name: str, variables: Mapping[str, keras.Variable]) -> None:
        with TensorFiles(self._folder, name) as tensors:
            _IDENTITY.assign(variables, tensors.shapes(), tensors.read)
