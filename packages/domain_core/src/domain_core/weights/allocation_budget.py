"""A limit on what a model may allocate while a preset builds it.

A config is a few bytes that can ask for a petabyte. The header of the weight file says
what the model will hold, so anything beyond is refused before memory is taken. Where no
weights are loaded, the size of their file says what it may hold; a config without
weights may describe a small model, or as large a one as the user allows.

While a budget is open, the names of initializers ("zeros", "glorot_uniform") mean, in
this thread, initializers that count. Layers of Keras name theirs, and layers of this
project get one that counts from `initializer`. What a user's own layer passes as an
object, or names together with Keras' module, is not counted.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import math
import threading
from collections.abc import Callable, Collection, Iterator
from typing import Any

import keras

from domain_core.arguments import as_positive_int
from domain_core.preset_errors import PresetUnsafeError

# Variables that a file need not hold, such as ties and states.
_SPARE_VARIABLES, _SPARE_ELEMENTS = 64, 2**20
_SHARE = 1.1
# Of a config without a weight file: 32 MiB in single precision.
_UNBACKED_VARIABLES, _UNBACKED_ELEMENTS = 2**9, 2**23
# What a name, a shape and a place take in a weight file at least.
_BYTES_PER_VARIABLE = 2**6
# Layers make some that they do not use, and copies for their parts.
_INITIALIZERS_PER_VARIABLE = 8
# Names that Keras knows beside those of its classes.
_SHORT = {"normal": "random_normal", "uniform": "random_uniform"}
_SHORT |= {"one": "ones", "zero": "zeros"}


class _State(threading.local):
    """Counts what is made in this thread; without a budget nobody does."""

    charge: Callable[..., None] = staticmethod(lambda **made: None)


_STATE = _State()


@contextlib.contextmanager
def allocation_budget(
    shapes: Collection[tuple[int, ...]] | None, label: str
) -> Iterator[None]:
    """Refuses weights beyond those of a file, in this thread, within the context.

    Args:
        shapes: of the file's tensors; None for no limit.
        label: name of the preset, for the message.

    Raises:
        PresetUnsafeError: when a layer asks for more weights, or for more elements,
            than the file holds, with a tenth to spare.
    """
    if shapes is None:
        yield
        return
    variables = int(len(shapes) * _SHARE) + _SPARE_VARIABLES
    elements = int(sum(math.prod(s) for s in shapes) * _SHARE) + _SPARE_ELEMENTS
    message = (
        f"Expected the config of the preset {label!r} to describe the model in its "
        "weight file; it describes a larger one. Do not use it, or save it again. "
        "Nothing was allocated beyond the file's size."
    )
    with _budget(variables, elements, message):
        yield


@contextlib.contextmanager
def parameter_budget(
    weight_bytes: int | None, max_parameters: int | None, label: str
) -> Iterator[None]:
    """Refuses a large model whose weights will not be loaded, as above.

    Args:
        weight_bytes: size of the preset's weight files, which are not opened: a model
            has no more parameters than they have bytes. None if whoever wrote the
            config is trusted.
        max_parameters: what the user allows instead; None if he did not say.
        label: name of the preset, for the message.

    Raises:
        PresetUnsafeError: when a layer asks for more than either, or 8,388,608
            parameters where both are less.
    """
    if max_parameters is not None:
        as_positive_int("max_parameters", max_parameters)
        variables = elements = max_parameters
    elif weight_bytes is not None:
        variables = max(weight_bytes // _BYTES_PER_VARIABLE, _UNBACKED_VARIABLES)
        elements = max(weight_bytes, _UNBACKED_ELEMENTS)
    else:
        yield
        return
    message = (
        f"Expected the config of the preset {label!r}, whose weights are not loaded, "
        f"to describe a model of at most {elements:,} parameters in {variables:,} "
        "weights; it describes a larger one. If you trust it, pass `max_parameters=` "
        "to `from_preset`. Nothing more was allocated."
    )
    with _budget(variables, elements, message):
        yield


@contextlib.contextmanager
def _budget(variables: int, elements: int, message: str) -> Iterator[None]:
    left = {"variables": variables, "elements": elements}
    left["initializers"] = variables * _INITIALIZERS_PER_VARIABLE

    def charge(**made: int) -> None:
        for kind, number in made.items():
            left[kind] -= number
        if min(left.values()) < 0:
            raise PresetUnsafeError(message)

    previous, _STATE.charge = _STATE.charge, charge
    scope = keras.saving.custom_object_scope
    try:
        # A scope hides the one around it, whose objects a user's class may need.
        with scope({}) as inner, scope({**inner.backup, **_counting_by_name()}):
            yield
    finally:
        _STATE.charge = previous


def counted(initializer: Any) -> Any:
    """Returns a copy of an initializer; one of Keras counts while a budget is open."""
    copy = initializer.clone()
    counting = _counting_classes().get(type(copy))
    if _STATE.charge is not _State.charge and counting is not None:
        copy.__class__ = counting
    return copy


@functools.cache
def _counting_by_name() -> dict[str, type]:
    classes = inspect.getmembers(keras.initializers, inspect.isclass)
    counting = {name: _counting_classes()[cls] for name, cls in classes}
    return counting | {short: counting[name] for short, name in _SHORT.items()}


@functools.cache
def _counting_classes() -> dict[type, type]:
    classes = inspect.getmembers(keras.initializers, inspect.isclass)
    return {cls: _counting(cls) for cls in {cls for _, cls in classes}}


def _counting(cls: Any) -> type:
    """Returns an initializer's class that is like another, and counts."""

    class Counting(cls):
        __module__ = "keras.initializers"  # configs name the other

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            _STATE.charge(initializers=1)
            super().__init__(*args, **kwargs)

        def __call__(self, shape: Any, *args: Any, **kwargs: Any) -> Any:
            _STATE.charge(variables=1, elements=math.prod(shape))
            return super().__call__(shape, *args, **kwargs)

    Counting.__name__ = cls.__name__
    return Counting
