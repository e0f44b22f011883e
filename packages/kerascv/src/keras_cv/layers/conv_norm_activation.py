"""A convolution, its batch normalization and its activation."""

from __future__ import annotations

from typing import Any

from domain_core.serialization import serializable
from keras_cv.layers.conv_norm_layer import ConvNormLayer


@serializable("kerascv")
class ConvNormActivation(ConvNormLayer):
    """A convolution, its batch normalization and its activation, as one layer.

    Args:
        filters: number of output channels.
        kernel_size: height and width of the kernel, in pixels.
        strides: pixels between two outputs.
        **options: see `ConvNormLayer`.

    Call arguments:
        x: tensor `(B, H, W, C)`.

    Returns:
        Tensor `(B, H / strides, W / strides, filters)`, sizes rounded up.
    """

    def __init__(
        self, filters: int, kernel_size: int = 3, *, strides: int = 1, **options: Any
    ) -> None:
        super().__init__(**options)
        self.filters = self.width = filters
        self.kernel_size = kernel_size
        self.strides = self.output_stride = strides

    def build(self, x_shape: Any) -> None:
        self.add_conv_norm(
            "", x_shape[-1], self.filters, self.kernel_size, strides=self.strides
        )

    def call(self, x: Any, training: bool = False) -> Any:
        return self.conv_norm_activate("", x, training)
