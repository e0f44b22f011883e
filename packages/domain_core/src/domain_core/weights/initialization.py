"""Building a model without drawing random weights that loading would overwrite.

Keras has no public way to skip an initializer, and deferring (`StatelessScope`) costs
as much as running it. Zeros cost a tenth of the time. The choice must not reach a
layer's config, or a model rebuilt from it would train from zeros: so layers here ask
`initializer(...)` when they create weights, and keep their own argument in the config.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import keras

from domain_core.weights.allocation_budget import counted

_STATE = threading.local()


@contextlib.contextmanager
def without_initialization() -> Iterator[None]:
    """Within this context, layers of this project start from zeros."""
    previous = getattr(_STATE, "skip", False)
    _STATE.skip = True
    try:
        yield
    finally:
        _STATE.skip = previous


def initializer(value: Any) -> Any:
    """Returns an initializer for one new weight.

    Args:
        value: a Keras initializer, its name, or None.

    Returns:
        "zeros" while weights are about to be loaded; else `value`, copied if it is an
        object, because an unseeded one gives equal values at each call, and so that it
        counts against the budget of a preset.
    """
    if getattr(_STATE, "skip", False):
        return "zeros"
    if isinstance(value, keras.initializers.Initializer):
        return counted(value)
    return value
