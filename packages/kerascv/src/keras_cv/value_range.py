"""Smallest and largest value of images."""

from __future__ import annotations

import math
from typing import Any


def as_value_range(value_range: Any) -> tuple[float, float]:
    """Returns a range of values.

    Raises:
        ValueError: if it is none.
    """
    try:
        low, high = map(float, value_range)
    except (TypeError, ValueError):
        low = high = 0.0
    if not -math.inf < low < high < math.inf:
        raise ValueError(
            "Expected `value_range` to be (smallest, largest), such as (0, 255); "
            f"received {value_range!r}."
        )
    return low, high
