"""The first layer of ResNet, DenseNet and others of their time."""

from __future__ import annotations

from typing import Any

from domain_core import ops
from domain_core.serialization import serializable
from keras_cv.layers.conv_norm import pad
from keras_cv.layers.conv_norm_layer import ConvNormLayer


@serializable("kerascv")
class ConvPoolStem(ConvNormLayer):
    """A convolution of 7 x 7 pixels and a maximum over 3 x 3, each of stride 2.

    Args:
        filters: number of output channels.
        has_norm: whether norm and activation follow the convolution.
        pool_counts_padding: whether zeros around the image take part in the maximum,
            for "symmetric" padding.
        **options: see `ConvNormLayer`.

    Call arguments:
        x: tensor `(B, H, W, C)`.

    Returns:
        Tensor `(B, H / 4, W / 4, filters)`, sizes rounded up.
    """

    output_stride = 4

    def __init__(
        self,
        filters: int,
        *,
        has_norm: bool = True,
        pool_counts_padding: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.filters = self.width = filters
        self.has_norm = has_norm
        self.pool_counts_padding = pool_counts_padding

    def build(self, x_shape: Any) -> None:
        self.add_conv("conv", x_shape[-1], self.filters, 7, strides=2)
        if self.has_norm:
            self.add_norm("norm", self.filters)

    def call(self, x: Any, training: bool = False) -> Any:
        x = self.convolve("conv", x)
        if self.has_norm:
            x = self.activate(self.normalize("norm", x, training))
        if self.padding == "same":
            return ops.max_pool2d(x, 3, 2)
        if self.pool_counts_padding:
            return ops.max_pool2d(pad(x, 1), 3, 2, padding="valid")
        return ops.max_pool2d(x, 3, 2, padding=1)
