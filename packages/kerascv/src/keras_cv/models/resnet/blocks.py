"""The blocks of both ResNets, one Keras layer each."""

from __future__ import annotations

from typing import Any, ClassVar

from domain_core import ops
from domain_core.serialization import serializable
from keras_cv.layers.conv_norm_layer import ConvNormLayer


@serializable("kerascv")
class ResidualBlock(ConvNormLayer):
    """The block of ResNet v1: convolutions, each with norm, then the sum, then ReLU.

    Args:
        filters: channels of its convolutions.
        bottleneck: three convolutions, of 1, 3 and 1 pixels, the last of four times
            `filters`; else two of 3 pixels.
        strides: pixels between two outputs.
        dilation: pixels between two weights of the second convolution.
        project: whether a convolution of 1 pixel brings the shortcut to the shape of
            the output.
        strided_conv: which convolution has the strides, 1 or 2.
        **options: see `ConvNormLayer`.

    Call arguments:
        x: tensor `(B, H, W, C)`.

    Returns:
        Tensor `(B, H / strides, W / strides, D)`, sizes rounded up.
    """

    pre_activation: ClassVar[bool] = False

    def __init__(
        self,
        filters: int,
        *,
        bottleneck: bool = True,
        strides: int = 1,
        dilation: int = 1,
        project: bool = False,
        strided_conv: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.filters = filters
        self.bottleneck = bottleneck
        self.strides = self.output_stride = strides
        self.dilation = dilation
        self.project = project
        self.strided_conv = strided_conv
        self.depth = 3 if bottleneck else 2
        self.width: int = 4 * filters if bottleneck else filters

    def build(self, x_shape: Any) -> None:
        channels, strides = x_shape[-1], self.strides
        if self.project:
            self.add_conv("shortcut_conv", channels, self.width, 1, strides=strides)
        for index in range(1, self.depth + 1):
            width = self.width if index == self.depth else self.filters
            self.add_conv(
                f"conv_{index}",
                channels,
                width,
                1 if self.bottleneck and index != 2 else 3,
                strides=strides if index == self.strided_conv else 1,
                dilation=self.dilation if index == 2 else 1,
                # In v2 a norm follows all but the last of a bottleneck.
                use_bias=self.use_bias and (not self.pre_activation or index == 3),
            )
            self.add_norm(f"norm_{index}", channels if self.pre_activation else width)
            channels = width
        if self.project and not self.pre_activation:
            self.add_norm("shortcut_norm", self.width)

    def call(self, x: Any, training: bool = False) -> Any:
        y = x
        for index in range(1, self.depth + 1):
            y = self.activate(y) if index > 1 else y
            y = self.convolve(f"conv_{index}", y)
            y = self.normalize(f"norm_{index}", y, training)
        if self.project:
            x = self.convolve("shortcut_conv", x)
            x = self.normalize("shortcut_norm", x, training)
        return self.activate(ops.add_in_place(y, x))


@serializable("kerascv")
class PreActivationBlock(ResidualBlock):
    """The block of ResNet v2: norm and ReLU come before each convolution.

    The shortcut starts after the first ReLU where it is projected, else before the
    first norm. Arguments are those of `ResidualBlock`.
    """

    pre_activation = True

    def call(self, x: Any, training: bool = False) -> Any:
        y = self.activate(self.normalize("norm_1", x, training, overwrite=False))
        if self.project:
            x = self.convolve("shortcut_conv", y)
        elif self.strides > 1:
            x = x[:, :: self.strides, :: self.strides]  # a maximum over 1 x 1 pixels
        y = self.convolve("conv_1", y)
        for index in range(2, self.depth + 1):
            y = self.activate(self.normalize(f"norm_{index}", y, training))
            y = self.convolve(f"conv_{index}", y)
        return ops.add_in_place(y, x)
