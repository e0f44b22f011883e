"""The blocks of CSPDarkNet, one Keras layer each."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.serialization import serializable
from keras_cv.layers.conv_norm_layer import ConvNormLayer


@serializable("kerascv")
class FocusStem(ConvNormLayer):
    """Moves each 2 x 2 pixels into channels, then convolves over 3 x 3 of the result.

    Args:
        filters: number of output channels.
        **options: see `ConvNormLayer`.

    Call arguments:
        x: tensor `(B, H, W, C)`. Images of odd sizes get a row or column of zeros.

    Returns:
        Tensor `(B, H / 2, W / 2, filters)`, sizes rounded up.
    """

    output_stride = 2

    def __init__(self, filters: int, **options: Any) -> None:
        super().__init__(**options)
        self.filters = self.width = filters

    def build(self, x_shape: Any) -> None:
        self.add_conv_norm("", 4 * x_shape[-1], self.filters, 3)

    def call(self, x: Any, training: bool = False) -> Any:
        # A row too many does no harm where it isn't known yet whether a size is odd.
        more = [int(size is None or size % 2) for size in x.shape[1:3]]
        if any(more):
            x = keras.ops.pad(x, [[0, 0], [0, more[0]], [0, more[1]], [0, 0]])
        even, odd = slice(0, -1, 2), slice(1, None, 2)
        places = ((even, even), (odd, even), (even, odd), (odd, odd))
        x = keras.ops.concatenate([x[:, h, w] for h, w in places], axis=-1)
        return self.conv_norm_activate("", x, training)


@serializable("kerascv")
class SeparableConv(ConvNormLayer):
    """A convolution within each channel, then one across them, each with its norm.

    Args:
        filters: number of output channels.
        strides: pixels between two outputs.
        **options: see `ConvNormLayer`.

    Call arguments:
        x: tensor `(B, H, W, C)`.

    Returns:
        Tensor `(B, H / strides, W / strides, filters)`, sizes rounded up.
    """

    def __init__(self, filters: int, *, strides: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.filters = self.width = filters
        self.strides = self.output_stride = strides

    def build(self, x_shape: Any) -> None:
        channels = x_shape[-1]
        self.add_depthwise_conv("depthwise_conv", channels, 3, strides=self.strides)
        self.add_norm("depthwise_norm", channels)
        self.add_conv_norm("", x_shape[-1], self.filters, 1)

    def call(self, x: Any, training: bool = False) -> Any:
        x = self.conv_norm_activate("depthwise_", x, training)
        return self.conv_norm_activate("", x, training)


@serializable("kerascv")
class CSPBlock(ConvNormLayer):
    """A cross-stage partial block: half of the channels go through bottlenecks.

    Two convolutions of 1 pixel give a half each, and one mixes them in the end. A
    bottleneck is a convolution of 1 pixel and one of 3.

    Args:
        filters: number of output channels.
        depth: number of bottlenecks.
        shortcut: whether a bottleneck's input is added to its output.
        use_depthwise: whether a convolution within each channel and one of 1 pixel
            take the place of that of 3.
        **options: see `ConvNormLayer`.

    Call arguments:
        x: tensor `(B, H, W, C)`.

    Returns:
        Tensor `(B, H, W, filters)`.

    Reference:
        Wang et al., "CSPNet", 2019, https://arxiv.org/abs/1911.11929.
    """

    def __init__(
        self,
        filters: int,
        depth: int,
        *,
        shortcut: bool = True,
        use_depthwise: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.filters = self.width = filters
        self.depth = depth
        self.shortcut = shortcut
        self.use_depthwise = use_depthwise

    def build(self, x_shape: Any) -> None:
        hidden = self.filters // 2
        self.add_conv_norm("main_", x_shape[-1], hidden, 1)
        self.add_conv_norm("side_", x_shape[-1], hidden, 1)
        for index in range(self.depth):
            self.add_conv_norm(f"bottleneck_{index}_1_", hidden, hidden, 1)
            if self.use_depthwise:
                name = f"bottleneck_{index}_depthwise_"
                self.add_depthwise_conv(f"{name}conv", hidden, 3)
                self.add_norm(f"{name}norm", hidden)
            size = 1 if self.use_depthwise else 3
            self.add_conv_norm(f"bottleneck_{index}_2_", hidden, hidden, size)
        self.add_conv_norm("output_", 2 * hidden, self.filters, 1)

    def call(self, x: Any, training: bool = False) -> Any:
        side = self.conv_norm_activate("side_", x, training)
        x = self.conv_norm_activate("main_", x, training)
        for index in range(self.depth):
            y = self.conv_norm_activate(f"bottleneck_{index}_1_", x, training)
            if self.use_depthwise:
                name = f"bottleneck_{index}_depthwise_"
                y = self.conv_norm_activate(name, y, training)
            y = self.conv_norm_activate(f"bottleneck_{index}_2_", y, training)
            x = ops.add_in_place(y, x) if self.shortcut else y
        x = keras.ops.concatenate([x, side], axis=-1)
        return self.conv_norm_activate("output_", x, training)
