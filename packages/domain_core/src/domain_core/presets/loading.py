"""Builds what a user asked for from an opened preset."""

from __future__ import annotations

import contextlib
import inspect
import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from domain_core.preset_errors import PresetCorruptError, PresetError
from domain_core.presets.compatibility import (
    check_converter,
    check_parts,
    check_token_ids,
    fitting_lengths,
)
from domain_core.presets.consistent_reads import consistent
from domain_core.presets.layout import Layout
from domain_core.presets.open_preset import open_preset
from domain_core.quantization import is_quantized, quantize_layers
from domain_core.registry import preprocessor_for, task_for
from domain_core.serialization import has_role, registered_name
from domain_core.weights.allocation_budget import (
    allocation_budget,
    parameter_budget,
)
from domain_core.weights.initialization import without_initialization

_FROM_PRESET = object()
_CHECKS = ("verify", "verify_key")


@consistent
def load_backbone(
    cls: type,
    preset: str | os.PathLike[str],
    load_weights: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Implements `Backbone.from_preset`."""
    max_parameters = kwargs.pop("max_parameters", None)
    layout, load_weights = _opened(preset, load_weights, kwargs)
    return _backbone(cls, preset, layout, load_weights, max_parameters, kwargs)


@consistent
def load_tokenizer(cls: type, preset: str | os.PathLike[str], **kwargs: Any) -> Any:
    """Implements `Tokenizer.from_preset`."""
    layout, _ = _opened(preset, True, kwargs)
    tokenizer = layout.tokenizer(cls, **kwargs)
    if tokenizer is None:
        raise _nothing_stored(preset, "a tokenizer")
    return tokenizer


@consistent
def load_preprocessor(cls: type, preset: str | os.PathLike[str], **kwargs: Any) -> Any:
    """Implements `Preprocessor.from_preset`."""
    layout, _ = _opened(preset, True, kwargs)
    preprocessor = _preprocessor(cls, preset, layout, kwargs)
    if preprocessor is None:
        raise _nothing_stored(preset, f"the parts of a {cls.__name__}")
    return preprocessor


@consistent
def load_image_converter(preset: str | os.PathLike[str]) -> Any:
    """Implements `ImageConverter.from_preset`."""
    converter = open_preset(preset).image_converter()
    check_converter(converter, os.fspath(preset))
    if converter is None:
        raise _nothing_stored(preset, "an image converter")
    return converter


@consistent
def load_task(
    cls: type,
    preset: str | os.PathLike[str],
    load_weights: bool | None = None,
    **kwargs: Any,
) -> Any:
    """Implements `Task.from_preset`."""
    max_parameters = kwargs.pop("max_parameters", None)
    layout, load_weights = _opened(preset, load_weights, kwargs)
    backbone_cls, _ = layout.backbone(load_weights)
    stored = layout.task(cls, load_weights=load_weights)
    task_cls = _task_class(cls, preset, backbone_cls, stored)
    same_task = stored is not None and issubclass(task_cls, stored[0])
    quantized = stored[1].pop("quantized", None) if stored else None
    if stored and same_task:
        _check_keys(task_cls, stored[1], preset, required=kwargs)
    dtype = {"dtype": kwargs.pop("dtype")} if "dtype" in kwargs else {}
    preprocessor = kwargs.pop("preprocessor", _FROM_PRESET)
    config = {**(stored[1] if stored and same_task else {}), **kwargs}
    if "num_classes" in kwargs and "class_names" not in kwargs:
        config.pop("class_names", None)  # they are of the old head
    _check_arguments(task_cls, preset, config)
    if preprocessor is _FROM_PRESET:
        expected = getattr(task_cls, "preprocessor_cls", None)
        preprocessor = _preprocessor(expected, preset, layout, {}, keep=same_task)
    # As upstream: naming the number of classes asks for a new head.
    load_head = load_weights and same_task and "num_classes" not in kwargs
    backbone = _backbone(
        backbone_cls, preset, layout, load_weights, max_parameters, dtype
    )
    check_parts(backbone, preprocessor, os.fspath(preset))
    config = {**config, "backbone": backbone, "preprocessor": preprocessor}
    budget: contextlib.AbstractContextManager[None]
    budget = contextlib.nullcontext()  # what the user asks for has no limit
    if load_head:
        budget = _loaded(layout, preset, head=True)
    elif same_task:
        budget = parameter_budget(
            layout.weight_bytes(), max_parameters, os.fspath(preset)
        )
    with _building(preset, budget, by_preset=not kwargs):
        task = task_cls(**config)
    if load_head:
        quantize_layers(task, quantized)
        layout.assign_head(task)
    elif load_weights and (same_task or "num_classes" not in kwargs):
        _warn_of_new_head(task, preset)
    return task


def _warn_of_new_head(task: Any, preset: Any) -> None:
    """Warns that a head has random weights, where nobody may have expected it."""
    paths = task.head_weight_paths()
    if names := sorted({path.split(".")[0] for path in paths}):
        warnings.warn(
            f"The head of {type(task).__name__}, {', '.join(names)}, is new: its "
            f"weights are random, none were loaded from the preset "
            f"{os.fspath(preset)!r}. Train it before you use it.",
            stacklevel=4,
        )


def _opened(
    preset: Any, load_weights: bool | None, kwargs: dict[str, Any]
) -> tuple[Layout, bool]:
    """Opens a preset, and decides whether to load weights where the user did not.

    Takes the arguments of `open_preset` out of those of the class.
    """
    checks = {key: kwargs.pop(key) for key in _CHECKS if key in kwargs}
    layout = open_preset(preset, with_files=load_weights is not False, **checks)
    return layout, layout.has_weights() if load_weights is None else load_weights


def _backbone(
    cls: type,
    preset: Any,
    layout: Layout,
    load_weights: bool,
    max_parameters: int | None,
    kwargs: dict[str, Any],
) -> Any:
    stored_cls, config = layout.backbone(load_weights)
    if not issubclass(stored_cls, cls):
        raise ValueError(
            f"Expected a preset for {cls.__name__}; {os.fspath(preset)!r} holds a "
            f"{stored_cls.__name__}. Call `{stored_cls.__name__}.from_preset` instead."
        )
    _check_keys(stored_cls, config, preset, required=kwargs)
    config = {**config, **kwargs}
    label = os.fspath(preset)
    budget = (
        _loaded(layout, preset, head=False, dtype=config.get("dtype"))
        if load_weights
        else parameter_budget(layout.weight_bytes(), max_parameters, label)
    )
    with _building(preset, budget, by_preset=not kwargs):
        backbone: Any = stored_cls(**config)
    if load_weights:
        layout.assign_backbone(backbone)
    generation = layout.generation_config()
    if generation is not None:
        check_token_ids(backbone, generation, os.fspath(preset))
        backbone.set_generation_config(generation)
    return backbone


@contextlib.contextmanager
def _loaded(
    layout: Layout, preset: Any, *, head: bool, dtype: Any = None
) -> Iterator[None]:
    """Is the budget of a model whose weights are about to be loaded."""
    shapes = layout.weight_shapes(head)
    if shapes is not None and dtype is not None and is_quantized(dtype):
        # Built in one precision first; two numbers of 4 bit are one in the file.
        shapes = [*shapes] * 4
    with without_initialization(), allocation_budget(shapes, os.fspath(preset)):
        yield


@contextlib.contextmanager
def _building(
    preset: Any, budget: contextlib.AbstractContextManager[None], *, by_preset: bool
) -> Iterator[None]:
    """Builds from a config somebody else wrote, within a budget."""
    label = os.fspath(preset)
    try:
        with budget:
            yield
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        if not by_preset or isinstance(error, PresetError):
            raise
        raise PresetCorruptError(
            f"Expected the config of the preset {label!r} to build a model: "
            f"{str(error)[:1000]}"
        ) from error


def _check_keys(
    cls: type, config: Mapping[str, Any], preset: Any, required: Any
) -> None:
    """Checks that a stored config names the constructor's arguments, and all of them.

    Args:
        cls: class to build.
        config: what the preset says.
        preset: for messages.
        required: arguments that the user passed, which the config may lack.
    """
    parameters = inspect.signature(cls).parameters
    unknown = sorted(set(config) - set(parameters))
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind is not parameter.VAR_KEYWORD
        and name not in {*config, *required, "backbone"}
    ]
    for keys, fault in ((unknown, "does not know"), (missing, "needs")):
        if keys:
            raise PresetCorruptError(
                f"Expected the config of the preset {os.fspath(preset)!r} to hold the "
                f"arguments of {cls.__name__}, which {fault} {keys[:10]!r:.500}. Save "
                "it again, or install the version that wrote it."
            )


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


def _preprocessor(
    cls: Any,
    preset: Any,
    layout: Layout,
    kwargs: dict[str, Any],
    *,
    keep: bool = False,
) -> Any:
    """Returns the preprocessor stored, or a new one around the parts stored.

    Args:
        cls: class that it must have; of a generic one, the family's. None for what is
            stored, whatever it is.
        preset: for messages.
        layout: the preset.
        kwargs: arguments instead of the stored ones.
        keep: whether one of another class than the family's is returned, too.
    """
    stored = layout.preprocessor()
    check_converter(getattr(stored, "image_converter", stored), os.fspath(preset))
    if cls is None:
        return stored
    backbone_cls = layout.backbone(False)[0] if layout.has_backbone() else None
    tokenizer = getattr(stored, "tokenizer", stored)
    tokenizer_cls = type(tokenizer) if has_role(type(tokenizer), "tokenizer") else None
    has_preprocessor = has_role(type(stored), "preprocessor")
    if registered_name(cls) is None:  # a base class, of which there are no objects
        if not has_preprocessor:
            return None
        cls, keep = type(stored), True
    required = not (keep and has_preprocessor)
    cls = preprocessor_for(cls, backbone_cls, tokenizer_cls, required=required)
    if isinstance(stored, cls) and not kwargs:
        return stored
    if has_preprocessor:
        # A subclass keeps its class; the generic one becomes that of the family.
        if isinstance(stored, cls):
            return type(stored)(**{**stored.current_arguments(), **kwargs})
        if issubclass(cls, type(stored)):
            return cls(**{**stored.current_arguments(), **kwargs})
        if keep:
            return stored
    parameters = inspect.signature(cls).parameters
    arguments = {}
    if "tokenizer" in parameters and "tokenizer" not in kwargs:
        tokenizer_cls = getattr(cls, "tokenizer_cls", None) or object
        arguments["tokenizer"] = layout.tokenizer(tokenizer_cls)
    if "image_converter" in parameters and "image_converter" not in kwargs:
        converter = arguments["image_converter"] = layout.image_converter()
        check_converter(converter, os.fspath(preset))
    if any(part is None for part in arguments.values()):
        return None
    arguments |= kwargs
    if backbone_cls is not None:
        arguments = fitting_lengths(cls, layout.backbone(False)[1]) | arguments
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
