"""What a task finds in the outputs of a backbone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


def outputs_of(backbone: keras.Model) -> dict[str, Any]:
    """Returns the outputs of a backbone by name.

    One unnamed tensor counts as "sequence_output" if it is `(B, T, D)`, as "features"
    if it is `(B, H, W, C)`.
    """
    outputs = backbone.output
    if isinstance(outputs, dict):
        return outputs
    return {"features" if len(outputs.shape) == 4 else "sequence_output": outputs}


def gives(*names: str) -> Callable[[keras.Model], str | None]:
    """Returns a check that a backbone gives at least one of some outputs.

    Args:
        *names: outputs, any of which will do.

    Returns:
        A function of a backbone that returns None if it fits, else what it lacks: the
        `accepts` of `register_task`.
    """

    def lacks(backbone: keras.Model) -> str | None:
        given = outputs_of(backbone)
        if any(name in given for name in names):
            return None
        return (
            f"it gives {sorted(given)}, not {' or '.join(repr(name) for name in names)}"
        )

    return lacks


def require_outputs(task: str, backbone: keras.Model, *names: str) -> None:
    """Raises ValueError if a backbone gives none of the outputs a task needs."""
    if lack := gives(*names)(backbone):
        raise ValueError(
            f"Expected a backbone that fits {task}, received a "
            f"{type(backbone).__name__}: {lack}. Use another backbone, or give that "
            "output in its functional model."
        )
