"""The inverted bottleneck around a convolution within channels."""

from __future__ import annotations

from typing import Any

from domain_core.serialization import serializable
from keras_cv.layers.inverted_bottleneck import InvertedBottleneck


@serializable("kerascv")
class MBConvBlock(InvertedBottleneck):
    """The block of MobileNets and EfficientNets.

    A convolution of 1 pixel to `expand_ratio` times as many channels, one within each
    channel, squeeze-and-excitation, and a convolution of 1 pixel to `output_filters`.
    All convolutions have a norm, all but the last an activation. Where the block keeps
    the shape, its input is added. KerasCV took `survival_probability` as the share to
    drop, and projected over `kernel_size` pixels without an expansion.

    Args:
        input_filters: channels of the input.
        output_filters: channels of the output.
        expand_ratio: channels in the middle per channel of the input; with 1 there is
            no first convolution.
        kernel_size: height and width of the convolution within channels, in pixels.
        strides: pixels between two outputs.
        se_ratio: channels inside the squeeze-and-excitation per channel of the input,
            in `[0, 1]`, rounded down but to at least 1; 0 for none.
        bn_momentum: share of the old moving statistics kept per step.
        activation: a name that `domain_core.ops.activation` knows.
        survival_probability: share of the samples in training to whose shortcut the
            rest is added, in `(0, 1]`.
        squeeze_filters: channels inside the squeeze-and-excitation, instead of by
            `se_ratio`.
        squeeze_activation: activation there; None for `activation`.
        excite_activation: activation of its gate.
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
        Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", 2018,
        https://arxiv.org/abs/1801.04381; Tan and Le, "EfficientNet", 2019,
        https://arxiv.org/abs/1905.11946.

    Example:
        >>> block = keras_cv.layers.MBConvBlock(8, 12, expand_ratio=4, strides=2)
        >>> tuple(block(np.ones((2, 5, 7, 8), "float32")).shape)
        (2, 3, 4, 12)
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
        squeeze_filters: int | None = None,
        squeeze_activation: Any = None,
        excite_activation: Any = "sigmoid",
        batch_norm_epsilon: float = 1e-3,
        padding: str = "same",
        seed: int | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(**self.arguments)
        self.expands = self.expanded_filters != self.input_filters

    def build(self, x_shape: Any) -> None:
        super().build(x_shape)
        middle, size = self.expanded_filters, self.kernel_size
        if self.expands:
            self.add_conv_norm("expand_", self.input_filters, middle, 1)
        self.add_depthwise_conv("depthwise_conv", middle, size, strides=self.strides)
        self.add_norm("depthwise_norm", middle)
        self.add_squeeze(middle)
        self.add_conv_norm("project_", middle, self.output_filters, 1)

    def call(self, x: Any, training: bool = False) -> Any:
        y = self.conv_norm_activate("expand_", x, training) if self.expands else x
        y = self.squeeze(self.conv_norm_activate("depthwise_", y, training))
        y = self.normalize("project_norm", self.convolve("project_conv", y), training)
        return self.add_shortcut(x, y, training)
