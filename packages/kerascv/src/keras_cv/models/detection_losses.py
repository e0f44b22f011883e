"""Losses of detectors by their names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras


def get_loss(name: str, loss: Any, known: Mapping[str, Callable[[], Any]]) -> Any:
    """Returns a loss of a name, capitals or not, or the one that was passed.

    Args:
        name: of the argument, for messages.
        loss: a name or a loss.
        known: functions that make losses by name.

    Raises:
        ValueError: if it is none.
    """
    if isinstance(loss, str) and loss.lower() in known:
        return known[loss.lower()]()
    if not isinstance(loss, keras.losses.Loss):
        raise ValueError(
            f"Expected `{name}` to be one of {sorted(known)} or a `keras.losses.Loss`, "
            f"received {loss!r:.200}."
        )
    return loss
