"""Keys and values of earlier positions, kept in one tensor.

Shapes: `B` batch, `T` positions of this call, `S` positions of the cache, `H` heads,
`h` width of a head; the second axis of a cache `(B, 2, S, H, h)` is key and value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


def through_cache(
    make: Callable[[], tuple[Any, Any]], cache: Any, index: Any
) -> tuple[Any, Any, Any]:
    """Returns the keys and values to attend to, and the cache as it is then.

    Args:
        make: returns keys and values `(B, T, H, h)` of this call.
        cache: tensor `(B, 2, S, H, h)`; None to attend to this call's alone.
        index: int or int tensor, the place in the cache where this call's are
            written; None to only read the cache.

    Returns:
        Keys, values, and the cache or None.

    Raises:
        ValueError: if the cache has another rank or is known to be too short.
    """
    if cache is None:
        return (*make(), None)
    if len(cache.shape) != 5 or cache.shape[1] != 2:
        raise ValueError(
            "Expected a cache of the shape (batch, 2, positions, heads, head width), "
            f"received {tuple(cache.shape)}."
        )
    if index is not None:
        key, value = make()
        _check_room(key.shape[1], cache.shape[2], index)
        update = keras.ops.cast(keras.ops.stack((key, value), 1), cache.dtype)
        cache = keras.ops.slice_update(cache, (0, 0, index, 0, 0), update)
    return cache[:, 0], cache[:, 1], cache


def _check_room(length: int | None, size: int | None, index: Any) -> None:
    # Where it isn't known, XLA moves the place back so that the update fits.
    known = all(isinstance(number, int) for number in (length, size, index))
    if known and not 0 <= index <= size - length:  # type: ignore[operator]
        raise ValueError(
            f"Expected room for {length} positions from {index} on in a cache of "
            f"{size}. Make the cache longer."
        )
