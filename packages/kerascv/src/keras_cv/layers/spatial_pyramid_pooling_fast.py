"""Maxima over windows of several sizes, each made from the last."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.serialization import serializable
from keras_cv.layers.conv_norm_layer import ConvNormLayer

_POOLS = 3


@serializable("kerascv")
class SpatialPyramidPoolingFast(ConvNormLayer):
    """Spatial pyramid pooling of the YOLO models: a map beside three maxima of it.

    A convolution of 1 pixel halves the channels. Beside its output stand the maxima
    over `pool_size` pixels, over the maxima of these, and over those in turn, and
    another convolution of 1 pixel mixes all four. A maximum of maxima is one over a
    larger window: for 5 pixels over 5, 9 and 13, which older models take one by one.

    Args:
        filters: number of output channels.
        pool_size: height and width of a window, in pixels; odd.
        **options: see `ConvNormLayer`.

    Call arguments:
        x: tensor `(B, H, W, C)`.

    Returns:
        Tensor `(B, H, W, filters)`.

    Reference:
        He et al., "Spatial Pyramid Pooling in Deep Convolutional Networks", 2014,
        https://arxiv.org/abs/1406.4729.
    """

    def __init__(self, filters: int, *, pool_size: int = 5, **options: Any) -> None:
        super().__init__(**options)
        self.filters = self.width = filters
        self.pool_size = pool_size

    def build(self, x_shape: Any) -> None:
        hidden = x_shape[-1] // 2
        self.add_conv_norm("input_", x_shape[-1], hidden, 1)
        self.add_conv_norm("output_", (1 + _POOLS) * hidden, self.filters, 1)

    def call(self, x: Any, training: bool = False) -> Any:
        maps = [self.conv_norm_activate("input_", x, training)]
        for _ in range(_POOLS):
            maps.append(ops.max_pool2d(maps[-1], self.pool_size, 1))
        x = keras.ops.concatenate(maps, axis=-1)  # (B, H, W, 4 C / 2)
        return self.conv_norm_activate("output_", x, training)
