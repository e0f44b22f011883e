"""The inverted bottleneck whose expansion is its convolution over space, too."""

from __future__ import annotations

from typing import Any

from domain_core.serialization import serializable
from keras_cv.layers.inverted_bottleneck import InvertedBottleneck


@serializable("kerascv")
class FusedMBConvBlock(InvertedBottleneck):
    """The block of EfficientNetV2's first stages.

    One convolution expands the channels and looks at `kernel_size` pixels, where
    `MBConvBlock` has two for it; squeeze-and-excitation and a convolution of 1 pixel to
    `output_filters` follow. Without an expansion a single convolution, of `kernel_size`
    pixels and with an activation, is all there is. KerasCV took `survival_probability`
    as the share to drop.

    Args:
        input_filters: channels of the input.
        output_filters: channels of the output.
        expand_ratio: channels in the middle per channel of the input.
        kernel_size: height and width of the first convolution, in pixels.
        strides: pixels between two outputs.
        se_ratio: channels inside the squeeze-and-excitation per channel of the input,
            in `[0, 1]`, rounded down but to at least 1; 0 for none.
        bn_momentum: share of the old moving statistics kept per step.
        activation: a name that `domain_core.ops.activation` knows.
        survival_probability: share of the samples in training to whose shortcut the
            rest is added, in `(0, 1]`.
        always_project: whether a block without an expansion has two convolutions, as
            others have.
        batch_norm_epsilon: added to variances.
        padding: "same", where an odd pixel goes to the end, or "symmetric".
        seed: integer that makes the draws of samples reproducible; None for a random
            one.
        name: name of the layer.
        trainable: whether its weights train.
        dtype: dtype policy.

    Call arguments:
        x: tensor `(B, H, W, input_filters)`.
        training: whether to normalize by the batch, and to drop.

    Returns:
        Tensor `(B, H / strides, W / strides, output_filters)`, sizes rounded up.

    Raises:
        ValueError: if an argument is out of range, or the input has other channels.

    Reference:
        Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", 2021,
        https://arxiv.org/abs/2104.00298.

    Example:
        >>> block = keras_cv.layers.FusedMBConvBlock(8, 8, expand_ratio=4)
        >>> tuple(block(np.ones((2, 5, 7, 8), "float32")).shape)
        (2, 5, 7, 8)
    """

    def __init__(
        self,
        input_filters: int,
        output_filters: int,
        expand_ratio: float = 1,
        kernel_size: int = 3,
        strides: int = 1,
        se_ratio: float = 0.0,
        bn_momentum: float = 0.9,
        activation: Any = "swish",
        survival_probability: float = 0.8,
        *,
        always_project: bool = False,
        batch_norm_epsilon: float = 1e-3,
        padding: str = "same",
        seed: int | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        arguments = dict(self.arguments)
        self.always_project = arguments.pop("always_project")
        super().__init__(**arguments)
        expands = self.expanded_filters != self.input_filters
        self.expands = expands or always_project

    def build(self, x_shape: Any) -> None:
        super().build(x_shape)
        channels, size, strides = self.input_filters, self.kernel_size, self.strides
        if self.expands:
            middle = self.expanded_filters
            self.add_conv_norm("expand_", channels, middle, size, strides=strides)
            channels, size, strides = middle, 1, 1
        self.add_squeeze(channels)
        filters = self.output_filters
        self.add_conv_norm("project_", channels, filters, size, strides=strides)

    def call(self, x: Any, training: bool = False) -> Any:
        y = self.conv_norm_activate("expand_", x, training) if self.expands else x
        y = self.convolve("project_conv", self.squeeze(y))
        y = self.normalize("project_norm", y, training)
        y = y if self.expands else self.activate(y)
        return self.add_shortcut(x, y, training)
