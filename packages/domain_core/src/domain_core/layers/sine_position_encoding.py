"""Sines and cosines of positions."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from domain_core.layers.position_indices import position_indices
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class SinePositionEncoding(RemembersArguments, keras.layers.Layer):
    """Encodes each position as sines and cosines of falling frequencies.

    Feature `2j` is the sine, feature `2j + 1` the cosine of
    `position * max_wavelength ** (-2j / D)`, computed in float32.

    Args:
        max_wavelength: of the slowest wave, in positions, over `2 pi`.

    Call arguments:
        inputs: tensor `(..., T, D)`, of which only the shape counts.
        start_index: position of the first of the sequence; an int or an int tensor.
        positions: int `(T,)` or `(B, T)`, the positions themselves; `start_index` does
            not count then.

    Returns:
        Tensor of the shape of `inputs`, to be added to it.

    Reference:
        Vaswani et al., Attention Is All You Need, 2017.

    Example:
        >>> x = np.zeros((1, 3, 2), "float32")
        >>> waves = domain_core.layers.SinePositionEncoding()(x)
        >>> keras.ops.convert_to_numpy(waves).tolist()
        [[[0.0, 1.0], [0.841, 0.540], [0.909, -0.416]]]
    """

    def __init__(
        self,
        max_wavelength: float = 10000,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.max_wavelength = max_wavelength
        self.supports_masking = True

    def call(self, inputs: Any, start_index: Any = 0, positions: Any = None) -> Any:
        shape = keras.ops.shape(inputs)
        width = inputs.shape[-1]
        if positions is None:
            positions = position_indices(shape[-2], start_index)
        pairs = np.arange((width + 1) // 2)
        rates = np.power(float(self.max_wavelength), -2.0 * pairs / width)
        angles = keras.ops.cast(positions, "float32")[..., None]
        angles = keras.ops.multiply(angles, rates.astype("float32"))  # (..., T, D / 2)
        waves = keras.ops.stack((keras.ops.sin(angles), keras.ops.cos(angles)), -1)
        waves = keras.ops.reshape(
            waves, (*keras.ops.shape(positions), 2 * len(pairs))
        )  # (..., T, D), or one more if D is odd
        waves = keras.ops.cast(waves[..., :width], self.compute_dtype)
        return keras.ops.broadcast_to(waves, shape)

    def compute_output_shape(self, inputs_shape: Any) -> Any:
        return inputs_shape
