"""Writing the layout of KerasHub; `reader.py` shows it and reads it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras

from domain_core._version import __version__
from domain_core.presets.chat_and_generation import (
    write_chat_template,
    write_generation_config,
)
from domain_core.presets.keras.converter import KerasConverter, KerasTask
from domain_core.presets.keras.hdf5_files import write_hdf5
from domain_core.presets.keras.reader import (
    ASSETS,
    CONFIG,
    HEAD,
    IMAGE_CONVERTER,
    PREPROCESSOR,
    TASK,
    TOKENIZER,
    WEIGHTS,
)
from domain_core.presets.tokenizer_assets import save_assets
from domain_core.registry import keras_converter_of

if TYPE_CHECKING:
    from domain_core.backbone import Backbone
    from domain_core.images.converter import ImageConverter
    from domain_core.preprocessor import Preprocessor
    from domain_core.task import Task
    from domain_core.tokenizers.tokenizer import Tokenizer

_TARGET = "KerasHub"
# Arguments that are not written, or have files of their own.
_ASIDE = ("name", "chat_template")


def write_keras(
    directory: Path,
    *,
    backbone: Backbone | None = None,
    task: Task | None = None,
    preprocessor: Preprocessor | Tokenizer | ImageConverter | None = None,
    max_shard_bytes: int | None = None,
) -> None:
    """Fills an empty directory with a preset that KerasHub reads.

    Args:
        directory: where to write.
        backbone: a `Backbone`.
        task: a `Task`.
        preprocessor: a `Preprocessor`, `Tokenizer` or `ImageConverter`.
        max_shard_bytes: size above which weights are split over files.

    Raises:
        ValueError: if KerasHub has no such class, or the class can't express an
            argument; the message names it.
    """
    model = backbone if backbone is not None else preprocessor
    converter = keras_converter_of(type(model))
    if preprocessor is not None:
        _write_preprocessor(directory, converter, preprocessor)
    if backbone is None:
        return
    # All configs first: they say what can't be expressed, before anything large.
    configs, item = _model_configs(converter, backbone, task)
    for file, config in configs.items():
        _write_json(directory / file, config)
    is_single = item is not None and bool(item.own)
    whole = task if task is not None and is_single else backbone
    metadata = {
        "keras_version": keras.__version__,
        "written_by": f"domain-core {__version__}",
        "parameter_count": whole.count_params(),
    }
    _write_json(directory / "metadata.json", metadata)
    weights = converter.weights(backbone.get_config())
    tensors, head = weights.to_foreign(backbone.weight_paths()), {}
    if task is not None and item is not None:
        if (head_map := item.head_map(task.get_config())) is not None:
            head = head_map.to_foreign(task.head_weight_paths())
    if is_single:
        tensors, head = {**tensors, **head}, {}
    write_hdf5(directory, WEIGHTS, tensors, max_shard_bytes=max_shard_bytes)
    write_generation_config(directory, backbone)
    if head:
        write_hdf5(directory, HEAD, head)


def _model_configs(
    converter: KerasConverter, backbone: Backbone, task: Task | None
) -> tuple[dict[str, Any], KerasTask | None]:
    """Returns what the files of a model hold, and its task's counterpart."""
    if task is None:
        return {CONFIG: _to_json(converter, backbone)}, None
    data, item = _to_json(converter, task), converter.of(type(task))
    assert isinstance(item, KerasTask), "its config is there"
    if not item.own:
        return {CONFIG: _to_json(converter, backbone), TASK: data}, item
    # Theirs is a backbone, of which that of ours is a part.
    config = data["config"]
    preprocessor = config.pop("preprocessor", None)
    config[item.backbone_argument] = config.pop("backbone")
    configs = {CONFIG: data}
    if item.around is not None:
        parts = {"backbone": data, "preprocessor": preprocessor}
        configs[TASK] = _object(converter, item.around, parts)
    return configs, item


def _write_preprocessor(
    directory: Path,
    converter: KerasConverter,
    preprocessor: Preprocessor | Tokenizer | ImageConverter | None,
) -> None:
    parts: dict[str, Any] = {
        TOKENIZER: getattr(preprocessor, "tokenizer", None),
        IMAGE_CONVERTER: getattr(preprocessor, "image_converter", None),
    }
    item = converter.of(type(preprocessor))
    if item is not None and item is converter.tokenizer:
        parts[TOKENIZER] = preprocessor
    elif item is not None and item in converter.image_converters():
        parts[IMAGE_CONVERTER] = preprocessor
    else:
        _write_json(directory / PREPROCESSOR, _to_json(converter, preprocessor))
    for file, part in parts.items():
        if part is not None:
            _write_json(directory / file, _to_json(converter, part))
    if parts[TOKENIZER] is not None:
        write_chat_template(directory, parts[TOKENIZER].chat_template)
        save_assets(parts[TOKENIZER], directory / ASSETS)


def _to_json(converter: KerasConverter, value: Any) -> dict[str, Any]:
    """Returns an object of ours as upstream serializes its counterpart."""
    item = converter.of(type(value))
    if item is None:
        raise ValueError(
            f"Expected what {_TARGET} has a counterpart of for "
            f"{converter.model_type!r}, received {value!r:.200} of type "
            f'{type(value).__name__}. Save with layout="native".'
        )
    objects: dict[str, Any] = {}
    own: dict[str, Any] = {}
    objects_by_name = value.current_arguments()
    for key, stored in value.get_config().items():
        part = objects_by_name.get(key, stored)
        if converter.of(type(part)) is not None:
            objects[key] = _to_json(converter, part)
        elif key in ("backbone", "preprocessor", "image_converter"):
            objects[key] = None if part is None else _to_json(converter, part)
        elif key not in (*_ASIDE, *getattr(value, "asset_config_keys", ())):
            own[key] = stored
    target = f"{_TARGET}'s {item.names[0]}"
    config = {**objects, **item.config.write(own, target)}
    return _object(converter, item.names[0], config)


def _object(
    converter: KerasConverter, name: str, config: dict[str, Any]
) -> dict[str, Any]:
    return {
        "module": f"{converter.package}.models",
        "class_name": name,
        "config": config,
        "registered_name": f"{converter.package}>{name}",
    }


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=4, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
