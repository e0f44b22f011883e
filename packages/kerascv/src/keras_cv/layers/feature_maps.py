"""What layers here ask of the feature maps they are given."""

from __future__ import annotations

from typing import Any


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
