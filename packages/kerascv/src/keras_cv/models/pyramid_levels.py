"""The levels of a backbone's feature pyramid that a task reads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras


def levels_of(backbone: keras.Model) -> dict[str, Any]:
    """Returns the symbolic output of each level by name, "P3" and so on.

    These are the `pyramid_outputs` of an `ImageBackbone`; of other models the layers
    that `pyramid_level_inputs` names, as in KerasCV, or outputs of these names.
    """
    if isinstance(outputs := getattr(backbone, "pyramid_outputs", None), dict):
        return outputs
    names = getattr(backbone, "pyramid_level_inputs", None) or {}
    levels = {level: backbone.get_layer(name).output for level, name in names.items()}
    given = backbone.output
    return {**(given if isinstance(given, dict) else {}), **levels}


def gives_levels(*names: str) -> Callable[[keras.Model], str | None]:
    """Returns a check that a backbone has some levels.

    Args:
        *names: levels, all of which are needed.

    Returns:
        A function of a backbone that returns None if it fits, else what it lacks: the
        `accepts` of `register_task`.
    """

    def lacks(backbone: keras.Model) -> str | None:
        given = levels_of(backbone)
        missing = [name for name in names if name not in given]
        if not missing:
            return None
        return f"it has the levels {sorted(given)}, and {missing} are missing"

    return lacks


def require_levels(task: str, backbone: keras.Model, *names: str) -> dict[str, Any]:
    """Returns the levels a task needs.

    Args:
        task: its name, for messages.
        backbone: what was passed.
        *names: the levels.

    Raises:
        ValueError: if the backbone lacks one.
    """
    if lack := gives_levels(*names)(backbone):
        raise ValueError(
            f"Expected a backbone that fits {task}, received a "
            f"{type(backbone).__name__}: {lack}. Use a backbone with more stages, or "
            "say in its `pyramid_level_inputs` which layer gives which level."
        )
    levels = levels_of(backbone)
    return {name: levels[name] for name in names}
