"""A limit on what a model may allocate while a preset builds it.

A config is a few bytes that can ask for a petabyte. The header of the weight file says
what the model will hold, so anything beyond is refused before memory is taken.

While a budget is open, the names of initializers ("zeros", "glorot_uniform") mean, in
this thread, initializers that count. Layers of Keras name theirs, and layers of this
project get a name from `initializer`. What a user's own layer passes as an object, or
names together with Keras' module, is not counted.
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

from domain_core.preset_errors import PresetUnsafeError

# Variables that a file need not hold, such as ties and states.
_SPARE_VARIABLES, _SPARE_ELEMENTS = 64, 2**20
_SHARE = 1.1
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
    left = {"variables": variables, "elements": elements}
    left["initializers"] = variables * _INITIALIZERS_PER_VARIABLE

    def charge(**made: int) -> None:
        for kind, number in made.items():
            left[kind] -= number
        if min(left.values()) < 0:
            raise PresetUnsafeError(
                f"Expected the config of the preset {label!r} to describe the model in "
                "its weight file; it describes a larger one. Do not use it, or save it "
                "again. Nothing was allocated beyond the file's size."
            )

    previous, _STATE.charge = _STATE.charge, charge
    scope = keras.saving.custom_object_scope
    try:
        # A scope hides the one around it, whose objects a user's class may need.
        with scope({}) as inner, scope({**inner.backup, **_counting_by_name()}):
            yield
    finally:
        _STATE.charge = previous


@functools.cache
def _counting_by_name() -> dict[str, type]:
    classes = inspect.getmembers(keras.initializers, inspect.isclass)
    counting = {name: _counting(cls) for name, cls in classes}
    return counting | {short: counting[name] for short, name in _SHORT.items()}


def _counting(cls: Any) -> type:
    """Returns an initializer that is like another, and counts."""

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
