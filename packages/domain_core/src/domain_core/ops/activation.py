"""Activations by name; native on torch for those on the hot path."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import keras

if keras.config.backend() == "torch":
    import torch
    import torch.nn.functional as F

    def _gelu_approximate(x: Any) -> Any:
        """GELU's tanh form, x * sigmoid(2 sqrt(2 / pi) (x + 0.044715 x^3))."""
        if torch.is_grad_enabled() or x.device.type != "cpu":
            return F.gelu(x, approximate="tanh")
        # torch's own kernel is 1.8 times slower on CPU; this form only without
        # gradients, where its steps can overwrite each other.
        gate = (x * x).mul_(0.0713548162726).add_(1.5957691216057308).mul_(x)
        return gate.sigmoid_().mul_(x)

    _NATIVE: dict[str, Callable[[Any], Any]] = {
        "gelu": F.gelu,
        "gelu_approximate": _gelu_approximate,
        "relu": F.relu,
        "silu": F.silu,
    }
else:
    _NATIVE = {
        "gelu": functools.partial(keras.activations.gelu, approximate=False),
        "gelu_approximate": functools.partial(keras.activations.gelu, approximate=True),
    }


# Other names, of Keras and of Hugging Face, for the same functions.
_SAME = {
    "gelu_accurate": "gelu_approximate",
    "gelu_fast": "gelu_approximate",
    "gelu_new": "gelu_approximate",
    "gelu_python": "gelu",
    "gelu_python_tanh": "gelu_approximate",
    "gelu_pytorch_tanh": "gelu_approximate",
    "hard_swish": "hard_silu",
    "hardswish": "hard_silu",
    "swish": "silu",
}


def canonical_activation(name: str) -> str:
    """Returns our name of an activation that goes under several: "silu" for "swish"."""
    return _SAME.get(name, name)


def activation(identifier: Any) -> Callable[[Any], Any]:
    """Returns an activation function.

    Args:
        identifier: a name that `keras.activations.get` knows, "gelu" (exact),
            "gelu_approximate" (tanh form), one of Hugging Face's names of them, a
            callable or None (identity).
    """
    if isinstance(identifier, str):
        identifier = canonical_activation(identifier)
        if identifier in _NATIVE:
            return _NATIVE[identifier]
    return keras.activations.get(identifier)
