"""The parts of both ResNets, one Keras layer each."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.serialization import layer_config, serializable
from keras_cv.layers.conv_norm import (
    batch_normalize,
    build_conv,
    convolve,
    make_conv,
    pad,
)


class ConvNormLayer(keras.layers.Layer):
    """Base of layers made of convolutions and batch normalizations.

    A subclass writes `build`, by `add_conv` and `add_norm`, and `call`.

    Args:
        padding: "same" or "symmetric"; see `make_conv`.
        use_bias: whether convolutions have biases.
        activation: a name that `domain_core.ops.activation` knows.
        batch_norm_epsilon: added to variances.
        batch_norm_momentum: share of the old moving statistics kept per step.
        name: name of the layer.
        trainable: whether its weights train.
        dtype: dtype policy.
    """

    def __init__(
        self,
        *,
        padding: str = "same",
        use_bias: bool = False,
        activation: str = "relu",
        batch_norm_epsilon: float = 1.001e-5,
        batch_norm_momentum: float = 0.99,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.padding = padding
        self.use_bias = use_bias
        self.activation = activation
        self.batch_norm_epsilon = batch_norm_epsilon
        self.batch_norm_momentum = batch_norm_momentum
        self.kernel_initializer = keras.initializers.get("glorot_uniform")
        self._activate = ops.activation_in_place(activation)

    def add_conv(
        self, name: str, channels: int, filters: int, size: int, **options: Any
    ) -> None:
        """Makes and builds a convolution as attribute `name`; see `make_conv`."""
        options = {"padding": self.padding, "use_bias": self.use_bias, **options}
        conv = make_conv(filters, size, name, self, **options)
        build_conv(conv, (None, None, None, channels))
        setattr(self, name, conv)

    def add_norm(self, name: str, channels: int) -> None:
        """Makes and builds a batch normalization as attribute `name`."""
        norm = keras.layers.BatchNormalization(
            momentum=self.batch_norm_momentum,
            epsilon=self.batch_norm_epsilon,
            dtype=self.dtype_policy,
            name=name,
        )
        norm.build((None, None, None, channels))
        setattr(self, name, norm)

    def get_config(self) -> dict[str, Any]:
        return {
            **layer_config(self),
            "padding": self.padding,
            "use_bias": self.use_bias,
            "activation": self.activation,
            "batch_norm_epsilon": self.batch_norm_epsilon,
            "batch_norm_momentum": self.batch_norm_momentum,
        }

    def _convolve(self, name: str, x: Any) -> Any:
        return convolve(getattr(self, name), x, self.dtype_policy)

    def _normalize(
        self, name: str, x: Any, training: bool, overwrite: bool = True
    ) -> Any:
        norm, policy = getattr(self, name), self.dtype_policy
        return batch_normalize(norm, x, policy, training, overwrite)


@serializable("kerascv")
class ResNetStem(ConvNormLayer):
    """A convolution of 7 x 7 pixels and a maximum over 3 x 3, each of stride 2.

    Args:
        filters: number of output channels.
        normalize: whether norm and activation follow the convolution.
        pool_counts_padding: whether zeros around the image take part in the maximum,
            for "symmetric" padding.
        **options: see `ConvNormLayer`.

    Call arguments:
        x: tensor `(B, H, W, C)`.

    Returns:
        Tensor `(B, H / 4, W / 4, filters)`, sizes rounded up.
    """

    def __init__(
        self,
        filters: int,
        *,
        normalize: bool = True,
        pool_counts_padding: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.filters = filters
        self.normalize = normalize
        self.pool_counts_padding = pool_counts_padding

    def build(self, x_shape: Any) -> None:
        self.add_conv("conv", x_shape[-1], self.filters, 7, strides=2)
        if self.normalize:
            self.add_norm("norm", self.filters)

    def call(self, x: Any, training: bool = False) -> Any:
        x = self._convolve("conv", x)
        if self.normalize:
            x = self._activate(self._normalize("norm", x, training))
        if self.padding == "same":
            return ops.max_pool2d(x, 3, 2)
        if self.pool_counts_padding:
            return ops.max_pool2d(pad(x, 1), 3, 2, padding="valid")
        return ops.max_pool2d(x, 3, 2, padding=1)

    def compute_output_spec(self, x: Any, training: bool = False) -> Any:
        return _spec(x, 4, self.filters, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "normalize": self.normalize,
            "pool_counts_padding": self.pool_counts_padding,
        }


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
        self.strides = strides
        self.dilation = dilation
        self.project = project
        self.strided_conv = strided_conv
        self.depth = 3 if bottleneck else 2
        self.width = 4 * filters if bottleneck else filters

    def build(self, x_shape: Any) -> None:
        channels = x_shape[-1]
        for index in range(1, self.depth + 1):
            width = self.width if index == self.depth else self.filters
            self.add_conv(
                f"conv_{index}",
                channels,
                width,
                1 if self.bottleneck and index != 2 else 3,
                strides=self.strides if index == self.strided_conv else 1,
                dilation=self.dilation if index == 2 else 1,
                **self.conv_options(index),
            )
            self.add_norm(f"norm_{index}", self.norm_channels(channels, width))
            channels = width
        if self.project:
            self.add_conv(
                "shortcut_conv", x_shape[-1], self.width, 1, strides=self.strides
            )
            self.build_shortcut()

    def conv_options(self, index: int) -> dict[str, Any]:
        """Returns how convolution `index` differs from the layer's options."""
        return {}

    def norm_channels(self, before: int, after: int) -> int:
        """Returns the channels of the norm beside a convolution."""
        return after

    def build_shortcut(self) -> None:
        """Adds what follows the shortcut's convolution."""
        self.add_norm("shortcut_norm", self.width)

    def call(self, x: Any, training: bool = False) -> Any:
        y = x
        for index in range(1, self.depth + 1):
            y = self._activate(y) if index > 1 else y
            y = self._convolve(f"conv_{index}", y)
            y = self._normalize(f"norm_{index}", y, training)
        if self.project:
            x = self._convolve("shortcut_conv", x)
            x = self._normalize("shortcut_norm", x, training)
        return self._activate(ops.add_in_place(y, x))

    def compute_output_spec(self, x: Any, training: bool = False) -> Any:
        return _spec(x, self.strides, self.width, self.compute_dtype)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "filters": self.filters,
            "bottleneck": self.bottleneck,
            "strides": self.strides,
            "dilation": self.dilation,
            "project": self.project,
            "strided_conv": self.strided_conv,
        }


@serializable("kerascv")
class PreActivationBlock(ResidualBlock):
    """The block of ResNet v2: norm and ReLU come before each convolution.

    The shortcut starts after the first ReLU where it is projected, else before the
    first norm. Of the convolutions only the last of a bottleneck and the shortcut's
    may have biases: a norm follows the others. Arguments are those of `ResidualBlock`.
    """

    def conv_options(self, index: int) -> dict[str, Any]:
        return {} if index == 3 else {"use_bias": False}

    def norm_channels(self, before: int, after: int) -> int:
        return before

    def build_shortcut(self) -> None:
        pass

    def call(self, x: Any, training: bool = False) -> Any:
        y = self._activate(self._normalize("norm_1", x, training, overwrite=False))
        if self.project:
            x = self._convolve("shortcut_conv", y)
        elif self.strides > 1:
            x = x[:, :: self.strides, :: self.strides]  # a maximum over 1 x 1 pixels
        y = self._convolve("conv_1", y)
        for index in range(2, self.depth + 1):
            y = self._activate(self._normalize(f"norm_{index}", y, training))
            y = self._convolve(f"conv_{index}", y)
        return ops.add_in_place(y, x)


@serializable("kerascv")
class NormActivation(ConvNormLayer):
    """Norm and activation after the last block of ResNet v2, `(B, H, W, C)` to same."""

    def build(self, x_shape: Any) -> None:
        self.add_norm("norm", x_shape[-1])

    def call(self, x: Any, training: bool = False) -> Any:
        return self._activate(self._normalize("norm", x, training, overwrite=False))

    def compute_output_spec(self, x: Any, training: bool = False) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)


def _spec(x: Any, strides: int, channels: int, dtype: str) -> keras.KerasTensor:
    sizes = [None if size is None else -(-size // strides) for size in x.shape[1:3]]
    return keras.KerasTensor((x.shape[0], *sizes, channels), dtype=dtype)
