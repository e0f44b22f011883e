"""What makes the map that ViTDet gives of that of its last block."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.layers.projection import normalize
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.layers.conv_norm import build_conv, convolve, make_conv

_EPSILON = 1e-6  # whatever that of the blocks is


@serializable("kerascv")
class ViTDetNeck(RemembersArguments, keras.layers.Layer):
    """Convolutions of 1 and 3 pixels, each normalized over its channels.

    Args:
        filters: number of output channels.
        kernel_initializer: a Keras initializer.

    Call arguments:
        x: tensor `(B, h, w, D)`.

    Returns:
        Tensor `(B, h, w, filters)`.
    """

    def __init__(
        self,
        filters: int,
        *,
        kernel_initializer: Any = "glorot_uniform",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.filters = filters
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, x_shape: Any) -> None:
        between = (*x_shape[:-1], self.filters)
        self.conv_1 = make_conv(self.filters, 1, "conv_1", self)
        self.conv_2 = make_conv(self.filters, 3, "conv_2", self)
        self.norm_1, self.norm_2 = (
            keras.layers.LayerNormalization(
                epsilon=_EPSILON, dtype=self.dtype_policy, name=name
            )
            for name in ("norm_1", "norm_2")
        )
        build_conv(self.conv_1, x_shape)
        build_conv(self.conv_2, between)
        self.norm_1.build(between)
        self.norm_2.build(between)

    def call(self, x: Any) -> Any:
        policy = self.dtype_policy
        x = normalize(self.norm_1, convolve(self.conv_1, x, policy), policy)
        return normalize(self.norm_2, convolve(self.conv_2, x, policy), policy)

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor((*x.shape[:-1], self.filters), self.compute_dtype)
