"""Activations by name; native on torch for those on the hot path."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras

if keras.config.backend() == "torch":
    import torch.nn.functional as F

    _NATIVE: dict[str, Callable[[Any], Any]] = {
        "gelu": F.gelu,
        "gelu_approximate": functools.partial(F.gelu, approximate="tanh"),
        "relu": F.relu,
        "silu": F.silu,
    }
else:
    _NATIVE = {
        "gelu": functools.partial(keras.activations.gelu, approximate=False),
        "gelu_approximate": functools.partial(keras.activations.gelu, approximate=True),
    }


def activation(identifier: Any) -> Callable[[Any], Any]:
    """Returns an activation function.

    Args:
        identifier: a name that `keras.activations.get` knows, "gelu" (exact),
            "gelu_approximate" (tanh form), a callable or None (identity).
    """
    if isinstance(identifier, str) and identifier in _NATIVE:
        return _NATIVE[identifier]
    return keras.activations.get(identifier)
