"""Models of `keras.applications`, to compare with."""

from __future__ import annotations

from typing import Any
from unittest import mock

import keras
import numpy as np

from domain_core.testing.values import draw_weights


def application(name: str, **options: Any) -> Any:
    """Makes a model of `keras.applications`, all its weights drawn at random.

    Args:
        name: of the function there.
        **options: what it takes, besides `weights`.
    """
    options = {"include_preprocessing": False, "input_shape": (75, 59, 3), **options}
    zeros = mock.patch.object(
        keras.initializers.VarianceScaling,
        "__call__",
        lambda self, shape, dtype=None: np.zeros(shape, dtype or "float32"),
    )
    # What Keras draws, and JAX compiles for each shape, would be replaced anyway.
    with zeros:
        model = getattr(keras.applications, name)(weights=None, **options)
    draw_weights(model)
    return model
