"""Writing a folder that Hugging Face `transformers` loads.

What is to be written is first read by the family's own reader: an argument that does
not come back is an error that names it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from domain_core.presets.chat_and_generation import (
    read_chat_template,
    write_chat_template,
    write_generation_config,
)
from domain_core.presets.folder import LocalFolder
from domain_core.presets.json_files import write_json
from domain_core.presets.safetensors_writer import write_tensors
from domain_core.presets.transformers.converter import Converter, Head
from domain_core.presets.transformers.image_processor import (
    image_converter_arguments,
    image_processor_config,
)
from domain_core.presets.transformers.reader import CONFIG, IMAGES
from domain_core.presets.transformers.tensors import WEIGHTS
from domain_core.registry import backbones
from domain_core.serialization import (
    flat_arguments,
    registered_class,
    registered_name,
)
from domain_core.text.chat_template import chat_template_config

if TYPE_CHECKING:
    from domain_core.backbone import Backbone
    from domain_core.task import Task
    from domain_core.tokenizers.tokenizer import Tokenizer

# Arguments that say nothing about what a model computes, or have files of their own.
_ASIDE = ("name", "trainable", "dtype", "backbone", "preprocessor")
_ToConfig = Callable[[Mapping[str, Any]], dict[str, Any]]


def write_transformers(
    directory: Path,
    *,
    backbone: Backbone,
    task: Task | None = None,
    tokenizer: Tokenizer | None = None,
    image_converter: Any = None,
    max_shard_bytes: int | None = None,
) -> None:
    """Writes config, weights, tokenizer and image processor as Hugging Face has them.

    Args:
        directory: where to write.
        backbone: a `Backbone`.
        task: a `Task` on it, or None.
        tokenizer: a `Tokenizer`, or None.
        image_converter: an `ImageConverter`, or None.
        max_shard_bytes: size above which weights are split over files.

    Raises:
        ValueError: if Hugging Face has no such model, or its config no place for an
            argument.
    """
    converter, to_config = _converter_of(backbone, task)
    architecture, head = None, None
    if task is not None:
        architecture, head = _head_of(task, backbone, converter)
    tensors = converter.weights.to_foreign(
        backbone.weight_paths(), with_prefix=head is not None
    )
    ours = backbone.get_config()
    config = {"model_type": converter.model_type, **to_config(ours)}
    if task and head and head.to_config:
        theirs = {"architectures": [architecture], **head.to_config(_arguments(task))}
        config |= theirs
    back = converter.config(config, list(tensors))
    _check_came_back(backbone, ours, back, to_config)
    if task and head and head.to_config:
        back = {**_defaults(_registered(head.task, backbone)), **head.config(config)}
        _check_came_back(task, _arguments(task), back, head.to_config)
        weights = head.weights_of(getattr(task, "tie_word_embeddings", True))
        tensors |= weights.to_foreign(task.head_weight_paths())
    config["dtype"] = backbone.dtype_policy.variable_dtype
    if tokenizer is not None:
        config |= _token_ids(tokenizer, config)
    images = image_converter and _image_config(image_converter)
    write_json(directory / CONFIG, config)
    write_generation_config(directory, backbone)
    if tokenizer is not None:
        max_length = getattr(backbone, "max_sequence_length", None)
        _write_tokenizer(converter, tokenizer, directory, max_length)
    if images is not None:
        write_json(directory / IMAGES, images)
    write_tensors(directory, WEIGHTS, tensors, max_shard_bytes=max_shard_bytes)


def _token_ids(tokenizer: Tokenizer, config: Mapping[str, Any]) -> dict[str, int]:
    """Returns ids of special tokens; those at the ends as far as a config has them."""
    first = tokenizer.decoder_start_tokens[:1]
    ids = {
        "bos_token_id": tokenizer.start_token_id,
        "eos_token_id": tokenizer.end_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "decoder_start_token_id": tokenizer.token_to_id(first[0]) if first else None,
    }
    return {
        key: value
        for key, value in ids.items()
        if value is not None and (key in config or key == "pad_token_id")
    }


def _arguments(task: Task) -> dict[str, Any]:
    """Returns a task's arguments, its backbone as it is."""
    return {**task.get_config(), "backbone": task.backbone}


def _converter_of(backbone: Backbone, task: Task | None) -> tuple[Converter, _ToConfig]:
    able, fitting = set(), []
    for entry in backbones():
        for converter in entry.converters:
            if not isinstance(converter, Converter) or converter.to_config is None:
                continue
            able.add(entry.cls.__name__)
            if entry.cls is type(backbone) and (
                converter.writes is None or converter.writes(backbone.get_config())
            ):
                fitting.append((converter, converter.to_config))
    if not fitting:
        raise ValueError(
            "Expected a model that Hugging Face has too, received a "
            f"{type(backbone).__name__}. These have a map: {sorted(able)}. Use "
            "`save_to_preset` instead."
        )
    # A whole model may be another one there than its backbone alone.
    with_head = [f for f in fitting if task and _heads_of(task, backbone, f[0])]
    return (with_head or fitting)[0]


def _head_of(task: Task, backbone: Backbone, converter: Converter) -> tuple[str, Head]:
    for architecture, head in _heads_of(task, backbone, converter):
        return architecture, head
    raise ValueError(
        "Expected a task that Hugging Face has too, received a "
        f"{type(task).__name__}. On a {type(backbone).__name__} these have a map: "
        f"{sorted(head.task for head in converter.heads.values() if head.to_config)}. "
        "Export `task.backbone`, or use `save_to_preset`."
    )


def _heads_of(
    task: Task, backbone: Backbone, converter: Converter
) -> list[tuple[str, Head]]:
    """Returns the heads that a task, or one that it stands for, is written as."""
    return [
        (architecture, head)
        for architecture, head in converter.heads.items()
        if head.to_config
        and any(
            issubclass(_registered(name, backbone), type(task))
            for name in (head.task, *head.written_for)
        )
    ]


def _registered(task: str, backbone: Backbone) -> type:
    package = str(registered_name(type(backbone))).split(">")[0]
    return registered_class(f"{package}>{task}")


def _check_came_back(
    thing: Any,
    ours: Mapping[str, Any],
    back: Mapping[str, Any],
    to_config: _ToConfig | None = None,
) -> None:
    """Raises ValueError if an argument has no place in what is written.

    Args:
        thing: what is exported.
        ours: its arguments.
        back: the arguments that a reader makes of it.
        to_config: writes the arguments.
    """
    back = flat_arguments({**_defaults(type(thing)), **back})
    flat = flat_arguments({k: v for k, v in ours.items() if k not in _ASIDE})
    lost = []
    for key in sorted(k for k in flat if k.split(".")[-1] not in _ASIDE):
        value, returned = flat[key], back.get(key)
        if _plain(value) == _plain(returned):
            continue
        if key in ours and to_config and None in (value, returned):
            if _is_written_alike(to_config, ours, key, returned):
                continue
        lost.append(f"{key}={value!r:.80} comes back as {returned!r:.80}")
    if lost:
        raise ValueError(
            f"Expected a {type(thing).__name__} whose arguments all have a place in "
            f"Hugging Face's config. Received: {'; '.join(lost)}. Build it with what "
            "comes back, or use `save_to_preset`."
        )


def _defaults(cls: type) -> dict[str, Any]:
    parameters = inspect.signature(cls).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not p.empty}


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _is_written_alike(
    to_config: _ToConfig, ours: Mapping[str, Any], key: str, value: Any
) -> bool:
    """Whether an argument is written, and another value would be written the same.

    So it is where None stands for the value of another argument.
    """
    without = {name: argument for name, argument in ours.items() if name != key}
    try:
        to_config(without)
    except KeyError:
        return to_config({**ours, key: value}) == to_config(ours)
    return False


def _write_tokenizer(
    converter: Converter, tokenizer: Tokenizer, directory: Path, max_length: int | None
) -> None:
    if converter.write_tokenizer is None or converter.tokenizer is None:
        raise ValueError(
            "Expected a tokenizer that Hugging Face has too, received a "
            f"{type(tokenizer).__name__} on a {converter.model_type!r} model. Set "
            "`preprocessor` to None to export without."
        )
    cls: Any = converter.tokenizer_cls
    if type(tokenizer) is not cls:
        raise ValueError(
            f"Expected a {cls.__name__} to export, received a "
            f"{type(tokenizer).__name__}."
        )
    converter.write_tokenizer(tokenizer, directory, max_length)
    write_chat_template(directory, tokenizer.chat_template)
    folder = LocalFolder(directory)
    template = chat_template_config(read_chat_template(folder))
    back = cls(**converter.tokenizer(folder), **template)
    _check_came_back(tokenizer, tokenizer.get_config(), back.get_config())


def _image_config(converter: Any) -> dict[str, Any]:
    config = image_processor_config(converter)
    ours = converter.get_config()
    back = {**_defaults(type(converter)), **image_converter_arguments(config)}
    if _resized(ours) == _resized(back):  # rounded to whole pixels
        back["crop_ratio"] = ours["crop_ratio"]
    if np.allclose(ours["pad_value"], back["pad_value"], rtol=1e-6):  # of the mean
        back["pad_value"] = ours["pad_value"]
    _check_came_back(converter, ours, back)
    return config


def _resized(arguments: Mapping[str, Any]) -> list[int]:
    """Returns the height and width that images have before they are cropped."""
    size, ratio = arguments["image_size"], arguments["crop_ratio"]
    return [int(length / ratio) for length in size]
