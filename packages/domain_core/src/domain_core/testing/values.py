"""Comparing what models give, on any backend."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np


def to_numpy(structure: Any) -> Any:
    """Turns the tensors of a structure into NumPy arrays."""
    if isinstance(structure, dict):
        return {key: to_numpy(value) for key, value in structure.items()}
    if isinstance(structure, np.ndarray):
        return structure
    return np.asarray(keras.ops.convert_to_numpy(structure))


def assert_close(
    received: Any, expected: Any, rtol: float = 1e-5, atol: float = 1e-5
) -> None:
    """Asserts that two structures of tensors agree; defaults are the project's 1e-5."""
    received, expected = to_numpy(received), to_numpy(expected)
    if isinstance(expected, dict):
        assert sorted(received) == sorted(expected)
        for key in expected:
            assert_close(received[key], expected[key], rtol, atol)
        return
    np.testing.assert_allclose(received, expected, rtol=rtol, atol=atol)


def draw_weights(model: Any, seed: int = 0) -> None:
    """Draws all weights anew, statistics of norms too: no zero biases, no unit norms.

    Args:
        model: a built model, of whomever.
        seed: of the draws.
    """
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        value = rng.normal(size=weight.shape) / np.prod(weight.shape[:-1]) ** 0.5
        if weight.name in ("gamma", "moving_variance"):
            value = rng.uniform(0.5, 1, weight.shape)
        weight.assign(value)
