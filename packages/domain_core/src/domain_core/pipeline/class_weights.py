"""Weights per class turned into weights per sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from domain_core.pipeline.samples import Samples


def add_class_weights(
    class_weight: Mapping[int, float], y: Samples, sample_weight: Samples
) -> Any:
    """Returns sample weights times the weight of each sample's class.

    Args:
        class_weight: weight of each class; classes that are not in it weigh 1.
        y: labels `(B,)` or `(B, 1)`, or one-hot `(B, classes)`.
        sample_weight: weights `(B, ...)` or None. (Keras takes either of the two.)

    Returns:
        float array `(B,)`, or of the weights' shape.

    Raises:
        ValueError: if there are no targets or several.
    """
    if not isinstance(y, np.ndarray):
        raise ValueError(
            "`class_weight` needs one array of targets, received "
            f"{'none' if y is None else type(y).__name__}. Use `sample_weight` for a "
            "model with several outputs."
        )
    labels = y
    if y.ndim > 1:
        labels = y[..., 0] if y.shape[-1] == 1 else np.argmax(y, axis=-1)
    labels = np.round(labels).astype("int32")
    classes, positions = np.unique(labels, return_inverse=True)
    by_class = np.array([class_weight.get(int(c), 1.0) for c in classes])
    weights = by_class[positions].reshape(labels.shape).astype(keras.config.floatx())
    return weights if sample_weight is None else weights * sample_weight
