"""The beta distribution by its quantiles, so that all engines draw the same."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from domain_core.arrays.operations import Operations

_POINTS = 2048


def beta_quantile(uniform: Any, a: float, b: float, ops: Operations) -> Any:
    """Turns uniform numbers into numbers of a beta distribution.

    Args:
        uniform: float32, any shape, in `[0, 1)`.
        a: first parameter, above 0.
        b: second parameter, above 0.
        ops: functions of the array.

    Returns:
        Float32 in `[0, 1]`, the shape of `uniform`; right to about 1e-6.
    """
    if a == b == 1:
        return uniform
    middle, low, high = _tables(float(a), float(b))
    upper = uniform >= middle
    # Each half from its own end, where the quantile goes with a power of the share.
    from_low = _interpolate((uniform / middle) ** (1 / a), low, ops)
    from_high = _interpolate(((1.0 - uniform) / (1.0 - middle)) ** (1 / b), high, ops)
    return ops.where(upper, 1.0 - from_high, from_low)


def _interpolate(share: Any, table: np.ndarray, ops: Operations) -> Any:
    place = share * (_POINTS - 1.0)
    index = ops.clip(ops.cast(ops.floor(place), "int32"), 0, _POINTS - 2)
    values = ops.convert_to_tensor(table, dtype="float32")
    low, high = (ops.take(values, index + step, axis=0) for step in (0, 1))
    return low + (high - low) * (place - ops.cast(index, "float32"))


@functools.cache
def _tables(a: float, b: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Returns P(x < 1/2) and both halves' tables of the distance from their ends.

    The entries belong to equal steps of `share ** (1 / a)`, over which it is smooth.
    """
    masses, tables = [], []
    for first, second in ((a, b), (b, a)):
        # In `t` the density has no pole at 0.
        power = min(first, 1.0)
        t = np.linspace(0, 0.5**power, 128 * _POINTS)
        x = t ** (1 / power)
        density = x ** (first - power) * (1 - x) ** (second - 1) / power
        steps = (density[1:] + density[:-1]) / 2 * np.diff(t)
        mass = np.concatenate([[0.0], np.cumsum(steps)])
        place = (mass / mass[-1]) ** (1 / first)
        table = np.interp(np.linspace(0, 1, _POINTS), place, x)
        masses.append(mass[-1])
        tables.append(table.astype("float32"))
    return float(masses[0] / sum(masses)), tables[0], tables[1]
