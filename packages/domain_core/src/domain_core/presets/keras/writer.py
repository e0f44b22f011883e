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
    _write_json(directory / CONFIG, _to_json(converter, backbone))
    if task is not None:
        _write_json(directory / TASK, _to_json(converter, task))
    metadata = {
        "keras_version": keras.__version__,
        "written_by": f"domain-core {__version__}",
        "parameter_count": backbone.count_params(),
    }
    _write_json(directory / "metadata.json", metadata)
    weights = converter.weights(backbone.get_config())
    tensors = weights.to_foreign(backbone.weight_paths())
    write_hdf5(directory, WEIGHTS, tensors, max_shard_bytes=max_shard_bytes)
    write_generation_config(directory, backbone)
    if task is not None:
        item = converter.of(type(task))
        assert isinstance(item, KerasTask), "its config was written above"
        if (head_map := item.head_map(task.get_config())) is not None:
            head = head_map.to_foreign(task.head_weight_paths())
            write_hdf5(directory, HEAD, head)


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
    elif item is not None and item is converter.image_converter:
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
    return {
        "module": f"{converter.package}.models",
        "class_name": item.names[0],
        "config": {**objects, **item.config.write(own, target)},
        "registered_name": f"{converter.package}>{item.names[0]}",
    }


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(value, indent=4, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
