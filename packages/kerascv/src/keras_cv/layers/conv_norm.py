"""Short ways through convolution and batch normalization, like `project` for dense.

A block is one Keras layer: its `Conv2D` and `BatchNormalization` sublayers hold
weights, and run through their math alone unless something is attached to them that
only `Layer.__call__` honours.
"""

from __future__ import annotations

from typing import Any

import keras

from domain_core import initializer, ops


def takes_short_way(layer: keras.layers.Layer, policy: Any) -> bool:
    """Returns whether a layer's math alone gives what calling the layer gives.

    Args:
        layer: a sublayer of a block.
        policy: the block's dtype policy; quantizing a sublayer replaces the
            sublayer's own.
    """
    return (
        layer.dtype_policy is policy
        and type(policy) is keras.DTypePolicy  # a map may say something else of it
        and layer.activity_regularizer is None
        and policy.compute_dtype != "float64"
    )


def make_conv(
    filters: int,
    size: int,
    name: str,
    layer: keras.layers.Layer,
    *,
    strides: int = 1,
    dilation: int = 1,
    padding: str = "same",
    use_bias: bool = False,
) -> keras.layers.Conv2D:
    """Makes a convolution for `convolve`, under the policy of the layer that owns it.

    Args:
        filters: number of output channels.
        size: height and width of the kernel.
        name: the attribute it is assigned to.
        layer: the owner, which has a `kernel_initializer`.
        strides: pixels between two outputs.
        dilation: pixels between two weights.
        padding: "same", where an odd pixel goes to the end, or "symmetric".
        use_bias: whether it has a bias.
    """
    return keras.layers.Conv2D(
        filters,
        size,
        strides=strides,
        padding="same" if padding == "same" or size == 1 else "valid",
        dilation_rate=dilation,
        use_bias=use_bias,
        data_format="channels_last",
        kernel_initializer=initializer(layer.kernel_initializer),
        dtype=layer.dtype_policy,
        name=name,
    )


def make_depthwise_conv(
    size: int,
    name: str,
    layer: keras.layers.Layer,
    *,
    strides: int = 1,
    dilation: int = 1,
    padding: str = "same",
    use_bias: bool = False,
) -> keras.layers.DepthwiseConv2D:
    """Makes a convolution of each channel by itself; arguments are as of `make_conv`.

    Its kernel begins with the variance of He et al.: a `kernel_initializer` of Keras
    counts all channels as inputs of each, and would make it too small by far.
    """
    return keras.layers.DepthwiseConv2D(
        size,
        strides=strides,
        padding="same" if padding == "same" or size == 1 else "valid",
        dilation_rate=dilation,
        use_bias=use_bias,
        data_format="channels_last",
        depthwise_initializer=initializer(
            keras.initializers.VarianceScaling(2.0, "fan_out", "uniform")
        ),
        dtype=layer.dtype_policy,
        name=name,
    )


def build_conv(conv: Any, x_shape: Any) -> None:
    """Builds a convolution, its kernel in memory as the backend reads it."""
    conv.build(x_shape)
    if not _is_depthwise(conv):
        ops.keep_kernel_in_order(conv.kernel)


def convolve(conv: Any, x: Any, policy: Any) -> Any:
    """Applies a convolution made by `make_conv` or `make_depthwise_conv`.

    Args:
        conv: a built convolution without activation. One with "valid" padding is
            padded here by the same number of zeros on each side, `size // 2`.
        x: tensor `(B, H, W, C)`.
        policy: the block's dtype policy.

    Returns:
        Tensor `(B, H / strides, W / strides, filters)`, sizes rounded up.
    """
    padding: Any = conv.padding
    if padding == "valid":
        padding = conv.dilation_rate[0] * (conv.kernel_size[0] - 1) // 2
    if takes_short_way(conv, policy) and _is_depthwise(conv):
        return ops.depthwise_conv2d(
            x,
            _tensor(conv.kernel),
            _tensor(conv.bias),
            stride=conv.strides[0],
            padding=padding,
            dilation=conv.dilation_rate[0],
        )
    if takes_short_way(conv, policy):
        return ops.conv2d(
            x,
            _tensor(conv.kernel),
            _tensor(conv.bias),
            strides=conv.strides,
            padding=padding,
            dilation=conv.dilation_rate,
        )
    return conv(x if padding == "same" else pad(x, padding))


def pad(x: Any, pixels: int) -> Any:
    """Puts zeros around images, `pixels` on each of the four sides."""
    return keras.ops.pad(x, [[0, 0], [pixels, pixels], [pixels, pixels], [0, 0]])


def batch_normalize(
    norm: keras.layers.BatchNormalization,
    x: Any,
    policy: Any,
    training: bool,
    overwrite: bool = False,
) -> Any:
    """Applies a batch normalization over the last axis.

    Args:
        norm: a built layer with scale and shift; frozen (`trainable=False`) it runs
            as at inference.
        x: tensor `(B, H, W, C)`.
        policy: the block's dtype policy.
        training: whether to use, and keep count of, the statistics of the batch.
        overwrite: whether `x` may be overwritten.

    Returns:
        Tensor of the shape of `x`, which the caller may overwrite.
    """
    if norm.synchronized or not takes_short_way(norm, policy):
        return norm(x, training=training)
    gamma, beta, epsilon = norm.gamma.value, norm.beta.value, norm.epsilon
    if not (training and norm.trainable):
        mean, variance = norm.moving_mean.value, norm.moving_variance.value
        return ops.batch_norm(x, mean, variance, gamma, beta, epsilon, overwrite)
    x, *statistics = ops.batch_norm_in_training(x, gamma, beta, epsilon)
    for moving, new in zip(
        (norm.moving_mean, norm.moving_variance), statistics, strict=True
    ):
        old = keras.ops.cast(moving.value, new.dtype)
        moving.assign(old * norm.momentum + new * (1 - norm.momentum))
    return x


def _is_depthwise(conv: Any) -> bool:
    return isinstance(conv, keras.layers.DepthwiseConv2D)


def _tensor(weight: Any) -> Any:
    return weight.value if isinstance(weight, keras.Variable) else weight
