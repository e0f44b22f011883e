"""Builds what a user asked for from an opened preset."""

from __future__ import annotations

import inspect
import os
from typing import Any

from domain_core.initialization import without_initialization
from domain_core.presets.layout import Layout
from domain_core.presets.opening import open_preset
from domain_core.registry import task_for

_FROM_PRESET = object()


def load_backbone(
    cls: type,
    preset: str | os.PathLike[str],
    load_weights: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Implements `Backbone.from_preset`."""
    layout, load_weights = _opened(preset, load_weights)
    return _backbone(cls, preset, layout, load_weights, kwargs)


def load_tokenizer(cls: type, preset: str | os.PathLike[str], **kwargs: Any) -> Any:
    """Implements `Tokenizer.from_preset`."""
    tokenizer = open_preset(preset).tokenizer(cls, **kwargs)
    if tokenizer is None:
        raise _nothing_stored(preset, "a tokenizer")
    return tokenizer


def load_preprocessor(cls: type, preset: str | os.PathLike[str], **kwargs: Any) -> Any:
    """Implements `Preprocessor.from_preset`."""
    layout = open_preset(preset)
    preprocessor = _preprocessor(cls, layout, kwargs)
    if preprocessor is None:
        raise _nothing_stored(preset, f"the parts of a {cls.__name__}")
    return preprocessor


def load_image_converter(preset: str | os.PathLike[str]) -> Any:
    """Implements `ImageConverter.from_preset`."""
    converter = open_preset(preset).image_converter()
    if converter is None:
        raise _nothing_stored(preset, "an image converter")
    return converter


def load_task(
    cls: type,
    preset: str | os.PathLike[str],
    load_weights: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Implements `Task.from_preset`."""
    layout, load_weights = _opened(preset, load_weights)
    backbone_cls, _ = layout.backbone(load_weights)
    stored = layout.task()
    task_cls = _task_class(cls, preset, backbone_cls, stored)
    same_task = stored is not None and issubclass(task_cls, stored[0])
    dtype = {"dtype": kwargs.pop("dtype")} if "dtype" in kwargs else {}
    preprocessor = kwargs.pop("preprocessor", _FROM_PRESET)
    config = {**(stored[1] if stored and same_task else {}), **kwargs}
    _check_arguments(task_cls, preset, config)
    if preprocessor is _FROM_PRESET:
        expected = getattr(task_cls, "preprocessor_cls", None)
        preprocessor = _preprocessor(expected, layout, {})
    # As upstream: naming the number of classes asks for a new head.
    load_head = load_weights and same_task and "num_classes" not in kwargs
    backbone = _backbone(backbone_cls, preset, layout, load_weights, dtype)
    config = {**config, "backbone": backbone, "preprocessor": preprocessor}
    if not load_head:
        return task_cls(**config)
    with without_initialization():
        task = task_cls(**config)
    layout.assign_head(task)
    return task


def _opened(preset: Any, load_weights: bool | None) -> tuple[Layout, bool]:
    """Opens a preset, and decides whether to load weights where the user did not."""
    layout = open_preset(preset, with_files=load_weights is not False)
    return layout, layout.has_weights() if load_weights is None else load_weights


def _backbone(
    cls: type, preset: Any, layout: Layout, load_weights: bool, kwargs: dict[str, Any]
) -> Any:
    stored_cls, config = layout.backbone(load_weights)
    if not issubclass(stored_cls, cls):
        raise ValueError(
            f"Expected a preset for {cls.__name__}; {os.fspath(preset)!r} holds a "
            f"{stored_cls.__name__}. Call `{stored_cls.__name__}.from_preset` instead."
        )
    config = {**config, **kwargs}
    if not load_weights:
        return stored_cls(**config)
    with without_initialization():
        backbone = stored_cls(**config)
    layout.assign_backbone(backbone)
    return backbone


def _task_class(
    cls: type, preset: Any, backbone_cls: type, stored: tuple[type, Any] | None
) -> type:
    if stored is not None and issubclass(stored[0], cls):
        return stored[0]
    wanted = getattr(cls, "backbone_cls", None)
    if wanted is not None and not issubclass(backbone_cls, wanted):
        raise ValueError(
            f"Expected a preset with a {wanted.__name__} for {cls.__name__}; "
            f"{os.fspath(preset)!r} holds a {backbone_cls.__name__}. Use the task of "
            "that family, or another preset."
        )
    return task_for(cls, backbone_cls)


def _preprocessor(cls: Any, layout: Layout, kwargs: dict[str, Any]) -> Any:
    """Returns the stored preprocessor, or a new one around the parts stored."""
    stored = layout.preprocessor()
    if cls is None:
        return stored
    if isinstance(stored, cls) and not kwargs:
        return stored
    if isinstance(stored, cls):
        return cls.from_config({**stored.get_config(), **kwargs})
    parameters = inspect.signature(cls).parameters
    arguments = {}
    if "tokenizer" in parameters:
        tokenizer_cls = getattr(cls, "tokenizer_cls", None) or object
        arguments["tokenizer"] = layout.tokenizer(tokenizer_cls)
    if "image_converter" in parameters:
        arguments["image_converter"] = layout.image_converter()
    arguments |= kwargs
    if None in arguments.values():
        return None
    usual = parameters.get("sequence_length")
    positions = layout.backbone(False)[1].get("max_sequence_length")
    if usual is not None and positions is not None and positions < usual.default:
        arguments.setdefault("sequence_length", positions)
    return cls(**arguments)


def _check_arguments(cls: type, preset: Any, config: dict[str, Any]) -> None:
    try:
        inspect.signature(cls).bind(backbone=None, **config)
    except TypeError as error:
        raise ValueError(
            f"Expected arguments for a {cls.__name__} on top of preset "
            f"{os.fspath(preset)!r}: {error}. Pass it to `from_preset`, for example "
            "`num_classes=2`: the preset has no trained head of this kind."
        ) from error


def _nothing_stored(preset: Any, what: str) -> ValueError:
    return ValueError(
        f"Expected a preset with {what}; {os.fspath(preset)!r} has none here. Pass the "
        "path of a preset directory that holds it, or build it yourself."
    )
