"""The layout that KerasNLP, KerasCV and KerasHub published.

```
config.json              the backbone's class and arguments
model.weights.h5         its weights; or model.weights.json and model_*.weights.h5
task.json, task.weights.h5
preprocessor.json        with the tokenizer or image converter inside
tokenizer.json, assets/tokenizer/
image_converter.json
metadata.json            not read
```

What `side_files` names may lie beside them; KerasHub does not look at it.

KerasCV wrote a task as a single `config.json`, with the backbone inside, and one file
of weights; KerasHub has such, too, and calls the whole a backbone. Nothing in a file is
imported or called: classes are names in a family's table.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import keras

from domain_core.preset_errors import PresetCorruptError, PresetUnsafeError
from domain_core.presets.chat_and_generation import (
    read_chat_template,
    read_generation_config,
)
from domain_core.presets.compatibility import fitting_lengths
from domain_core.presets.folder import Folder
from domain_core.presets.json_files import json_value, read_json
from domain_core.presets.keras.converter import (
    KerasClass,
    KerasTask,
    backbone_argument,
    upstream_name,
)
from domain_core.presets.keras.hdf5_files import Hdf5Files, numbered
from domain_core.presets.layout import Layout
from domain_core.presets.tokenizer_assets import load_assets
from domain_core.registry import find_keras_converter
from domain_core.serialization import object_of
from domain_core.strict_json import check_plain
from domain_core.text.chat_template import chat_template_config
from domain_core.weights.allocation_budget import allocation_budget
from domain_core.weights.weight_map import WeightMap

if TYPE_CHECKING:
    from domain_core.backbone import Backbone
    from domain_core.task import Task

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
TASK, HEAD = "task.json", "task.weights.h5"
PREPROCESSOR, TOKENIZER = "preprocessor.json", "tokenizer.json"
IMAGE_CONVERTER = "image_converter.json"
ASSETS = "assets/tokenizer"
# What a class stands with in a file; only the name and the arguments are read.
_KEYS = frozenset(
    "module class_name config registered_name assets weights build_config "
    "compile_config".split()
)
# Arguments that are objects of all families, or that change nothing here.
_OBJECTS = ("backbone", "preprocessor", "tokenizer", "image_converter")
_NAMES = ("name", "config_file")
# Classes of Keras, which files name and the tables of arguments read, if anything does.
_OF_KERAS = (
    *("DTypePolicy", "DTypePolicyMap"),
    *("QuantizedDTypePolicy", "QuantizedFloat8DTypePolicy"),
    *("Constant", "Zeros"),
)
# Functions, likewise.
_FUNCTIONS = ("keras_hub>gelu_approximate",)
# What a preprocessor is made of.
_PARTS = ("tokenizer", "image_converter")


class KerasLayout(Layout):
    """Reads a preset of KerasNLP, KerasCV or KerasHub.

    Raises:
        PresetUnsafeError: if it names a class that is none of its family's.
        PresetCorruptError: if a file is damaged.
        ValueError: if it is of a family that is not here, or not imported.
    """

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        file = next(name for name in _OPENED_BY if name in folder)
        data = _read(folder, file)
        name, config = _name(data, file, folder), data["config"]
        self._single: dict[str, Any] | None = None
        inner = backbone_argument(name)
        if file == CONFIG and inner in config:
            self._single = data
            data = json_value(config, inner, dict, file, folder)
            name, config = _name(data, file, folder), data["config"]
        self._name, self._config = name, config
        self._entry, self._converter = find_keras_converter(name, config, folder.label)

    @staticmethod
    def recognizes(folder: Folder) -> bool:
        """Whether a preset has this layout."""
        for name in _OPENED_BY:
            if name in folder:
                return "registered_name" in read_json(folder, name, of_keras=True)
        return False

    def backbone(self, load_weights: bool) -> tuple[type, dict[str, Any]]:
        self._folder.require(CONFIG)
        self._check_classes(self._config, CONFIG)
        if self._converter.named(self._name) is not self._converter.backbone:
            raise self._misplaced(self._name, CONFIG, "backbone")
        return self._entry.cls, self._arguments(
            self._converter.backbone, self._config, CONFIG
        )

    def has_backbone(self) -> bool:
        return CONFIG in self._folder

    def has_weights(self) -> bool:
        return True

    def weight_shapes(self, head: bool) -> Collection[tuple[int, ...]] | None:
        task, _ = self._task()
        if head and (task is None or task.weights is None):
            return ()
        with self._weights(head) as tensors:
            return self._own(tensors, head)[1].values()

    def weight_bytes(self) -> int | None:
        return self._folder.weight_bytes()

    def assign_backbone(self, backbone: Backbone) -> None:
        weights = self._converter.weights(backbone.get_config())
        self._assign(weights, backbone.weight_paths(), head=False)

    def task(
        self, cls: type = object, *, load_weights: bool = False
    ) -> tuple[type, dict[str, Any]] | None:
        item, config = self._task()
        if item is None:
            return None
        # Objects inside a config are small; what is large has a file of its own.
        with allocation_budget([], self._folder.label):
            return item.cls, self._arguments(item, config, self._task_file)

    def assign_head(self, task: Task) -> None:
        item, config = self._task()
        assert item is not None, "task() said that there is no head"
        weights = item.head_map(self._arguments(item, config, self._task_file))
        if weights is not None:
            self._assign(weights, task.head_weight_paths(), head=True)

    def tokenizer(self, cls: type, **kwargs: Any) -> Any:
        item = self._converter.tokenizer
        if item is None or TOKENIZER not in self._folder:
            return None
        if not issubclass(item.cls, cls):
            raise ValueError(
                f"Expected a preset for {cls.__name__}; {self._folder.label!r} is "
                f"for {item.cls.__name__}. Call its `from_preset` instead."
            )
        _, data = self._read(TOKENIZER, item)
        if data["config"].get("vocabulary") is not None:
            raise PresetUnsafeError(
                f"Expected no 'vocabulary' in {TOKENIZER!r} of the preset "
                f"{self._folder.label!r}: it is read from {ASSETS!r} alone."
            )
        arguments = self._arguments(item, data["config"], TOKENIZER)
        arguments |= chat_template_config(read_chat_template(self._folder))
        tokenizer: Any = item.cls(**{**arguments, **kwargs})
        load_assets(tokenizer, self._folder, ASSETS)
        return tokenizer

    def image_converter(self) -> Any:
        items = self._converter.image_converters()
        if not items or IMAGE_CONVERTER not in self._folder:
            return None
        item, data = self._read(IMAGE_CONVERTER, *items)
        return item.cls(**self._arguments(item, data["config"], IMAGE_CONVERTER))

    def preprocessor(self) -> Any:
        if PREPROCESSOR not in self._folder:
            return None
        data = _read(self._folder, PREPROCESSOR)
        self._check_classes(data, PREPROCESSOR)
        name = _name(data, PREPROCESSOR, self._folder)
        item = self._converter.named(name)
        if item is None:
            return None  # of a task that has no counterpart here
        if item not in self._converter.all_preprocessors():
            raise self._misplaced(name, PREPROCESSOR, "preprocessor")
        arguments = self._arguments(item, data["config"], PREPROCESSOR)
        if data["config"].get("tokenizer") is not None:
            arguments["tokenizer"] = self.tokenizer(object)
        if data["config"].get("image_converter") is not None:
            arguments["image_converter"] = self.image_converter()
        if any(arguments.get(part, part) is None for part in _PARTS):
            return None
        if CONFIG in self._folder:
            # Not all of theirs keep their lengths.
            arguments = fitting_lengths(item.cls, self.backbone(False)[1]) | arguments
        return item.cls(**arguments)

    def generation_config(self) -> dict[str, Any] | None:
        return read_generation_config(self._folder)

    def _task(self) -> tuple[KerasTask | None, Mapping[str, Any]]:
        data = self._single
        if data is None and TASK in self._folder:
            data = _read(self._folder, TASK)
        if data is None:
            return None, {}
        file = self._task_file
        self._check_classes(data, file)
        name = _name(data, file, self._folder)
        item = self._converter.named(name)
        if item is not None and not isinstance(item, KerasTask):
            raise self._misplaced(name, file, "task")
        return item, data["config"]

    @property
    def _task_file(self) -> str:
        return CONFIG if self._single else TASK

    def _misplaced(self, name: str, file: str, kind: str) -> PresetUnsafeError:
        return PresetUnsafeError(
            f"Expected a {kind} in {file!r} of the preset {self._folder.label!r}, "
            f"received {name!r}. Save or download the preset again."
        )

    def _read(self, file: str, *items: KerasClass) -> tuple[KerasClass, dict[str, Any]]:
        """Reads an object of one of some classes."""
        data = _read(self._folder, file)
        self._check_classes(data, file)
        item = self._converter.named(_name(data, file, self._folder))
        if item is None or item not in items:
            raise PresetCorruptError(
                f"Expected {items[0].names[0]!r} in {file!r} of the preset "
                f"{self._folder.label!r}, received {data['registered_name']!r}."
            )
        return item, data

    def _check_classes(self, value: Any, file: str) -> None:
        """Refuses a file that names a class which is none of the family's."""
        known = self._converter.upstream_names()
        for item in _nested(value):
            name = item.get("registered_name")
            if name is None and item.get("class_name") in _OF_KERAS:
                continue
            if name == "function" and upstream_name(item["config"]) in _FUNCTIONS:
                continue
            if upstream_name(name) not in known:
                raise PresetUnsafeError(
                    f"Expected classes of {self._converter.model_type!r} and its parts "
                    f"in {file!r} of the preset {self._folder.label!r}, received "
                    f"{name or item.get('class_name')!r:.200}. Do not use this preset."
                )

    def _arguments(
        self, item: KerasClass, config: Mapping[str, Any], file: str
    ) -> dict[str, Any]:
        skipped = {*_OBJECTS, *_NAMES}
        if isinstance(item, KerasTask):
            skipped.add(item.backbone_argument)
        config = {key: value for key, value in config.items() if key not in skipped}
        where = f"{file!r} of the preset {self._folder.label!r}"
        config = {key: self._part(value, file) for key, value in config.items()}
        arguments = item.config.read(config, item.cls, where)
        check_plain(arguments, where)
        return arguments

    def _part(self, value: Any, file: str) -> Any:
        """Returns an object for one that is part of a task; anything else as it is."""
        name = value.get("registered_name") if isinstance(value, dict) else None
        item = self._converter.named(str(upstream_name(name)))
        if item is None or item not in self._converter.parts():
            return value
        config = json_value(value, "config", dict, file, self._folder)
        return object_of(item.cls, self._arguments(item, config, file))

    def _assign(
        self, weights: WeightMap, variables: Mapping[str, keras.Variable], head: bool
    ) -> None:
        with self._weights(head) as tensors:
            names, shapes = self._own(tensors, head)
            weights.assign(variables, shapes, lambda name: tensors.read(names[name]))

    def _weights(self, head: bool) -> Hdf5Files:
        return Hdf5Files(self._folder, HEAD if head and not self._single else WEIGHTS)

    def _own(
        self, tensors: Hdf5Files, head: bool
    ) -> tuple[dict[str, str], dict[str, tuple[int, ...]]]:
        """Picks the tensors of the backbone, or those outside it, from a file.

        Returns:
            Names in the file and shapes, by name in the weight map.
        """
        shapes = tensors.shapes()
        if self._single is None:
            return {name: name for name in shapes}, dict(shapes)
        task, _ = self._task()
        if task is not None and task.own:
            own = {name for name in shapes if name.startswith(task.own) is head}
            return {name: name for name in own}, {name: shapes[name] for name in own}
        prefix = self._backbone_prefix()
        names = {
            name if head else name.removeprefix(prefix): name
            for name in shapes
            if name.startswith(prefix) is not head
        }
        return names, {own: shapes[name] for own, name in names.items()}

    def _backbone_prefix(self) -> str:
        task, _ = self._task()
        if task is not None and task.backbone_layer is not None:
            return numbered(f"layers/{task.backbone_layer}/")
        name = self._converter.backbone.names[0]
        snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
        return numbered(f"layers/{snake.lower()}/")


# The first of these that there is says which family a preset belongs to.
_OPENED_BY = (CONFIG, PREPROCESSOR, TOKENIZER)


def _read(folder: Folder, file: str) -> dict[str, Any]:
    data = read_json(folder, file, of_keras=True)
    if unknown := sorted(set(data) - _KEYS):
        raise PresetCorruptError(
            f"Expected a class and its arguments in {file!r} of the preset "
            f"{folder.label!r}, received the key {unknown[0]!r:.200}."
        )
    json_value(data, "config", dict, file, folder)
    return data


def _name(data: Mapping[str, Any], file: str, folder: Folder) -> str:
    name = upstream_name(data.get("registered_name"))
    if name is None:
        raise PresetUnsafeError(
            f"Expected a class of KerasNLP, KerasCV or KerasHub in {file!r} of the "
            f"preset {folder.label!r}, received {data.get('registered_name')!r:.200}. "
            "Other classes are not looked for. Do not use this preset."
        )
    json_value(data, "config", dict, file, folder)
    return name


def _nested(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yields all objects in JSON data that stand for a class."""
    if isinstance(value, dict):
        if "class_name" in value or "registered_name" in value:
            yield value
        # How it was built and compiled is not read.
        for key, item in value.items():
            if key not in ("build_config", "compile_config"):
                yield from _nested(item)
    elif isinstance(value, list):
        for item in value:
            yield from _nested(item)
