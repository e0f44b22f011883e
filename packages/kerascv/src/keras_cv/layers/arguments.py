"""Checks of arguments that the layers here share."""

from __future__ import annotations

import numbers
from typing import Any


def as_rate(name: str, value: Any) -> float:
    """Returns a share in `[0, 1)` as a float.

    Raises:
        ValueError: if it is none.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Real)
        or not 0 <= float(value) < 1
    ):
        raise ValueError(
            f"Expected `{name}` to be a number in [0, 1), the share to drop; received "
            f"{value!r}."
        )
    return float(value)


def as_positive_int(name: str, value: Any) -> int:
    """Returns an integer above zero.

    Raises:
        ValueError: if it is none.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, numbers.Integral)
        or int(value) < 1
    ):
        raise ValueError(
            f"Expected `{name}` to be a positive integer, received {value!r}."
        )
    return int(value)


def check_feature_map(shape: Any, channels: int | None = None) -> None:
    """Checks the shape of a feature map.

    Args:
        shape: what the layer was given.
        channels: size that the last axis has to have; None for any.

    Raises:
        ValueError: if it is not `(B, H, W, C)`, or `C` is another.
    """
    if len(shape) != 4 or shape[-1] is None or channels not in (None, shape[-1]):
        last = "C" if channels is None else channels
        raise ValueError(
            f"Expected a batch of feature maps of shape (B, H, W, {last}), channels "
            f"last, received shape {tuple(shape)}. Add the missing axis, move the "
            "channels to the end, or make the layer for that number of channels."
        )
