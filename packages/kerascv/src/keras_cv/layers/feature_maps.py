"""What layers here ask of feature maps, and how they enlarge them."""

from __future__ import annotations

from typing import Any

import keras


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


def as_sequence(x: Any) -> Any:
    """Lists the places of maps row by row, from `(B, H, W, C)` to `(B, H * W, C)`."""
    _, height, width, channels = keras.ops.shape(x)
    return keras.ops.reshape(x, (-1, height * width, channels))


def enlarge(x: Any, finer: Any) -> Any:
    """Makes a map twice as large by repeating rows and columns.

    Args:
        x: tensor `(B, H, W, C)`.
        finer: a map to stand beside, `(B, h, w, D)` with `H` half of `h`, rounded up.

    Returns:
        Tensor `(B, h, w, C)`: a row or column too many is cut off.
    """
    shape = keras.ops.shape(finer)
    x = keras.ops.repeat(keras.ops.repeat(x, 2, axis=1), 2, axis=2)
    return x[:, : shape[1], : shape[2]]
