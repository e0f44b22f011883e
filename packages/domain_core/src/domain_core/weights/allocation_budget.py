"""A limit on what a model may allocate while a preset builds it.

A config is a few bytes that can ask for a petabyte. The header of the weight file says
what the model will hold, so anything beyond is refused before memory is taken.

Keras has no hook for this. While a budget is open, the constructor and the `add_weight`
of `keras.Layer` count; other threads are not affected.
"""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Collection, Iterator
from typing import Any

import keras

from domain_core.preset_errors import PresetUnsafeError

_STATE = threading.local()
_LOCK = threading.Lock()
_OPEN = 0
_INIT = keras.Layer.__init__
_ADD_WEIGHT = keras.Layer.add_weight
# Variables that a file need not hold, such as ties and states.
_SPARE_VARIABLES, _SPARE_ELEMENTS = 64, 2**20
_SHARE = 1.1
# Layers without weights are cheap, but not free.
_LAYERS_PER_VARIABLE = 4


class _Budget:
    def __init__(self, shapes: Collection[tuple[int, ...]], label: str) -> None:
        self.label = label
        self.variables = int(len(shapes) * _SHARE) + _SPARE_VARIABLES
        elements = sum(math.prod(shape) for shape in shapes)
        self.elements = int(elements * _SHARE) + _SPARE_ELEMENTS
        self.layers = self.variables * _LAYERS_PER_VARIABLE

    def charge(self, *, layers: int = 0, variables: int = 0, elements: int = 0) -> None:
        self.layers -= layers
        self.variables -= variables
        self.elements -= elements
        if min(self.layers, self.variables, self.elements) < 0:
            raise PresetUnsafeError(
                f"Expected the config of the preset {self.label!r} to describe the "
                "model in its weight file; it describes a larger one. Do not use it, "
                "or save it again. Nothing was allocated beyond the file's size."
            )


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
    global _OPEN
    previous = getattr(_STATE, "budget", None)
    _STATE.budget = _Budget(shapes, label)
    with _LOCK:
        _OPEN += 1
        keras.Layer.__init__ = _counted_init
        keras.Layer.add_weight = _counted_add_weight
    try:
        yield
    finally:
        _STATE.budget = previous
        with _LOCK:
            _OPEN -= 1
            if not _OPEN:
                keras.Layer.__init__ = _INIT
                keras.Layer.add_weight = _ADD_WEIGHT


def _counted_init(self: keras.Layer, *args: Any, **kwargs: Any) -> None:
    budget = getattr(_STATE, "budget", None)
    if budget is not None:
        budget.charge(layers=1)
    _INIT(self, *args, **kwargs)


def _counted_add_weight(
    self: keras.Layer, shape: Any = None, *args: Any, **kwargs: Any
) -> Any:
    budget = getattr(_STATE, "budget", None)
    if budget is not None:
        budget.charge(variables=1, elements=math.prod(shape or ()))
    return _ADD_WEIGHT(self, shape, *args, **kwargs)
