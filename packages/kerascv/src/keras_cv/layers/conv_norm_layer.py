"""What layers made of convolutions and batch normalizations have in common."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.layers.conv_norm import (
    batch_normalize,
    build_conv,
    convolve,
    make_conv,
    make_depthwise_conv,
)


class ConvNormLayer(RemembersArguments, keras.layers.Layer):
    """Base of layers made of convolutions and batch normalizations.

    A subclass writes `build`, by `add_conv` and `add_norm`, and `call`, by `convolve`,
    `normalize` and `activate`; or, where these follow each other, by `add_conv_norm`
    and `conv_norm_activate`.

    Args:
        padding: "same" or "symmetric"; see `make_conv`.
        use_bias: whether convolutions have biases.
        activation: a name that `domain_core.ops.activation` knows.
        batch_norm_epsilon: added to variances.
        batch_norm_momentum: share of the old moving statistics kept per step.
        name: name of the layer.
        trainable: whether its weights train.
        dtype: dtype policy.

    Attributes:
        output_stride: pixels of the input per pixel of the output.
        width: channels of the output; None for those of the input.
    """

    output_stride = 1
    width: Any = None

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
        self.activate = ops.activation_in_place(activation)

    def add_conv(
        self, name: str, channels: int, filters: int, size: int, **options: Any
    ) -> None:
        """Makes and builds a convolution as attribute `name`; see `make_conv`."""
        options = {"padding": self.padding, "use_bias": self.use_bias, **options}
        conv = make_conv(filters, size, name, self, **options)
        build_conv(conv, (None, None, None, channels))
        setattr(self, name, conv)

    def add_depthwise_conv(
        self, name: str, channels: int, size: int, **options: Any
    ) -> None:
        """Makes and builds a convolution of each channel by itself as attribute `name`.

        Options are those of `make_conv`.
        """
        options = {"padding": self.padding, "use_bias": self.use_bias, **options}
        conv = make_depthwise_conv(size, name, self, **options)
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

    def add_conv_norm(
        self, prefix: str, channels: int, filters: int, size: int, **options: Any
    ) -> None:
        """Makes and builds a convolution and its norm: `{prefix}conv`, `{prefix}norm`.

        Args:
            prefix: what their names begin with.
            channels: of the input.
            filters: number of output channels.
            size: height and width of the kernel.
            **options: see `make_conv`.
        """
        self.add_conv(f"{prefix}conv", channels, filters, size, **options)
        self.add_norm(f"{prefix}norm", filters)

    def conv_norm_activate(self, prefix: str, x: Any, training: bool) -> Any:
        """Applies what `add_conv_norm` made, then the activation."""
        x = self.convolve(f"{prefix}conv", x)
        return self.activate(self.normalize(f"{prefix}norm", x, training))

    def convolve(self, name: str, x: Any) -> Any:
        """Applies a convolution; see `keras_cv.layers.conv_norm.convolve`."""
        return convolve(getattr(self, name), x, self.dtype_policy)

    def normalize(
        self, name: str, x: Any, training: bool, overwrite: bool = True
    ) -> Any:
        """Applies a norm; see `keras_cv.layers.conv_norm.batch_normalize`."""
        norm, policy = getattr(self, name), self.dtype_policy
        return batch_normalize(norm, x, policy, training, overwrite)

    def compute_output_shape(self, x_shape: Any) -> Any:
        sizes = (s and -(-s // self.output_stride) for s in x_shape[1:3])
        return (x_shape[0], *sizes, self.width or x_shape[-1])

    def compute_output_spec(self, x: Any, training: bool = False) -> Any:
        shape = self.compute_output_shape(x.shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)


@serializable("kerascv")
class NormActivation(ConvNormLayer):
    """Batch normalization and activation, `(B, H, W, C)` to the same shape.

    Args:
        **options: see `ConvNormLayer`.
    """

    def build(self, x_shape: Any) -> None:
        self.add_norm("norm", x_shape[-1])

    def call(self, x: Any, training: bool = False) -> Any:
        return self.activate(self.normalize("norm", x, training, overwrite=False))
