"""Convolution of each channel of images by itself, channels last.

Keras' own op takes 3 to 20 times longer on torch, where it moves the channels first and
back. On a CPU, XLA has no fast grouped convolution: on JAX the sum of shifted images,
which it fuses into one loop, is 15 to 100 times faster, 5 to 25 times with gradients.
"""

from __future__ import annotations

from typing import Any

import keras

from domain_core.ops.conv2d import same_padding

if keras.config.backend() == "torch":
    import torch.nn.functional as F

    def _depthwise_conv2d(x, kernel, bias, stride, padding, dilation):
        images = x.permute(0, 3, 1, 2)
        top, left = _sides(x.shape, kernel.shape, stride, padding, dilation)
        pixels: Any = (top[0], left[0])
        if top[0] != top[1] or left[0] != left[1]:
            images, pixels = F.pad(images, (*left, *top)), 0
        weights, groups = kernel.permute(2, 3, 0, 1), kernel.shape[2]
        y = F.conv2d(images, weights, bias, stride, pixels, dilation, groups)
        return y.permute(0, 2, 3, 1)

elif keras.config.backend() == "tensorflow":
    import tensorflow as tf

    def _depthwise_conv2d(x, kernel, bias, stride, padding, dilation):
        if isinstance(padding, int):
            x = tf.pad(x, [[0, 0], [padding] * 2, [padding] * 2, [0, 0]])
            padding = "valid"
        y = tf.nn.depthwise_conv2d(
            *(x, kernel, (1, stride, stride, 1), padding.upper()),
            dilations=(dilation, dilation),
        )
        return y if bias is None else tf.nn.bias_add(y, bias)

else:
    import functools

    import jax
    import jax.numpy as jnp

    # Compiled, or each call outside of a program would trace both ways.
    @functools.partial(jax.jit, static_argnums=(3, 4, 5))
    def _depthwise_conv2d(x, kernel, bias, stride, padding, dilation):
        sides = _sides(x.shape, kernel.shape, stride, padding, dilation)
        options = {"stride": stride, "sides": sides, "dilation": dilation}
        y = jax.lax.platform_dependent(
            *(x, kernel),
            cpu=functools.partial(_sum_of_shifted, **options),
            default=functools.partial(_grouped, **options),
        )
        return y if bias is None else y + bias

    def _grouped(x, kernel, *, stride, sides, dilation):
        return jax.lax.conv_general_dilated(
            x,
            kernel.transpose(0, 1, 3, 2),
            (stride, stride),
            sides,
            rhs_dilation=(dilation, dilation),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=kernel.shape[2],
        )

    def _sum_of_shifted(x, kernel, *, stride, sides, dilation):
        wide = jnp.promote_types(x.dtype, jnp.float32)
        images = jnp.pad(x, ((0, 0), *sides, (0, 0))).astype(wide)
        reach = [dilation * (size - 1) for size in kernel.shape[:2]]
        rows, columns = (
            (length - more - 1) // stride * stride + 1
            for length, more in zip(images.shape[1:3], reach, strict=True)
        )
        y: Any = 0
        for i in range(kernel.shape[0]):
            for j in range(kernel.shape[1]):
                top, left = i * dilation, j * dilation
                part = jax.lax.slice(
                    images,
                    (0, top, left, 0),
                    (x.shape[0], top + rows, left + columns, x.shape[3]),
                    (1, stride, stride, 1),
                )
                y = y + part * kernel[i, j, :, 0].astype(wide)
        return y.astype(x.dtype)


def _sides(
    shape: Any, kernel_shape: Any, stride: int, padding: str | int, dilation: int
) -> tuple[tuple[int, int], tuple[int, int]]:
    """Returns the zeros above and below, and left and right."""
    if isinstance(padding, int):
        return (padding, padding), (padding, padding)
    if padding == "valid":
        return (0, 0), (0, 0)
    top, left = (
        same_padding(size, window, stride, dilation)
        for size, window in zip(shape[1:3], kernel_shape[:2], strict=True)
    )
    return top, left


def depthwise_conv2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    stride: int = 1,
    padding: str | int = "same",
    dilation: int = 1,
) -> Any:
    """Convolves each channel of images with a kernel of its own.

    Args:
        x: tensor `(B, H, W, C)`.
        kernel: tensor `(h, w, C, 1)`.
        bias: tensor `(C,)` or None.
        stride: pixels between two outputs; 1 with a `dilation`, as TensorFlow has it.
        padding: "same" (an output per stride; the odd pixel goes to the end), "valid"
            (none) or pixels of zeros on each of the four sides.
        dilation: pixels between two weights.

    Returns:
        Tensor `(B, h', w', C)`.
    """
    return _depthwise_conv2d(x, kernel, bias, stride, padding, dilation)
