"""Random numbers for the code of custom layers, which draws when it likes.

Parameters of a layer are drawn ahead, for all samples. What a user's method draws comes
from a generator that such a parameter seeds: so it depends on the seed of the layer and
on the sample, and can be drawn again.
"""

from __future__ import annotations

import contextlib
import contextvars
import math
from collections.abc import Iterator
from typing import Any

import keras

from keras_cv.augmentation.engine import Engine

_CURRENT: contextvars.ContextVar[SeededGenerator | None] = contextvars.ContextVar(
    "generator", default=None
)


class SeededGenerator:
    """Draws numbers, others at each call.

    Args:
        engine: of the numbers.
        seed: float32 `(2,)` in [0, 1).
    """

    def __init__(self, engine: Engine, seed: Any) -> None:
        self.ops = engine.ops
        self._engine = engine
        self._seed = seed
        self._calls = 0

    def numbers(self, shape: Any) -> Any:
        """Returns float32 numbers in [0, 1)."""
        self._calls += 1
        return self._engine.seeded_uniform(self._seed, self._calls, shape)


class CurrentGenerator:
    """The generator of the sample at hand, by the names of `tf.random.Generator`.

    Where there is none, numbers come from the global generator of Keras.
    """

    def uniform(
        self,
        shape: Any = (),
        minval: Any = 0,
        maxval: Any = None,
        dtype: Any = "float32",
        name: str | None = None,
    ) -> Any:
        """Returns numbers in `[minval, maxval)`; 1 is the end of floats without any."""
        del name
        numbers, ops = _numbers(shape)
        if maxval is None:
            maxval = 1
        low, high = (ops.cast(limit, "float32") for limit in (minval, maxval))
        numbers = low + (high - low) * numbers
        name_of = keras.backend.standardize_dtype(dtype)
        return ops.cast(ops.floor(numbers) if "int" in name_of else numbers, name_of)

    def normal(
        self,
        shape: Any = (),
        mean: Any = 0.0,
        stddev: Any = 1.0,
        dtype: Any = "float32",
        name: str | None = None,
    ) -> Any:
        """Returns numbers of a normal distribution."""
        del name
        first, ops = _numbers(shape)
        second, _ = _numbers(shape)
        radius = ops.sqrt(-2.0 * ops.log(1.0 - first))
        numbers = mean + stddev * radius * ops.cos(2.0 * math.pi * second)
        return ops.cast(numbers, keras.backend.standardize_dtype(dtype))

    # As Keras called them before.
    random_uniform, random_normal = uniform, normal


@contextlib.contextmanager
def drawing(generator: SeededGenerator) -> Iterator[None]:
    """Makes a generator the current one of this thread."""
    token = _CURRENT.set(generator)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def current() -> SeededGenerator | None:
    """Returns the generator of the sample at hand, None outside of custom layers."""
    return _CURRENT.get()


def _numbers(shape: Any) -> tuple[Any, Any]:
    generator = _CURRENT.get()
    if generator is None:
        return keras.random.uniform(shape, dtype="float32"), keras.ops
    return generator.numbers(shape), generator.ops
