"""Convolution and maximum over windows of images, channels last; native everywhere.

Padding on both sides is part of the operation here, where Keras' layers need a second
pass over memory for it.
"""

from __future__ import annotations

from typing import Any

import keras


def same_padding(
    size: int, window: int, stride: int, dilation: int = 1
) -> tuple[int, int]:
    """Returns the zeros before and after `size` pixels that "same" padding means."""
    reach = dilation * (window - 1) + 1
    total = max((-(-size // stride) - 1) * stride + reach - size, 0)
    return total // 2, total - total // 2


if keras.config.backend() == "torch":
    import torch
    import torch.nn.functional as F

    def _conv2d(x, kernel, bias, strides, padding, dilation):
        images = x.permute(0, 3, 1, 2)
        weights = kernel.permute(3, 2, 0, 1)
        sides: Any = 0 if padding == "valid" else padding
        if padding == "same":
            spans = zip(
                images.shape[2:], kernel.shape[:2], strides, dilation, strict=True
            )
            top, left = (same_padding(*span) for span in spans)
            if top[0] == top[1] and left[0] == left[1]:
                sides = (top[0], left[0])
            else:
                images, sides = F.pad(images, (*left, *top)), 0
        y = F.conv2d(images, weights, bias, strides, sides, dilation)
        return y.permute(0, 2, 3, 1)

    def _keep_kernel_in_order(kernel):
        value = kernel.value
        order = value.permute(3, 2, 0, 1).contiguous(memory_format=torch.channels_last)
        value.data = order.detach().permute(2, 3, 1, 0)

    def _max_pool2d(x, size, stride, padding):
        sides: Any = [(0, 0) if padding == "valid" else (padding, padding)] * 2
        if padding == "same":
            sides = [same_padding(length, size, stride, 1) for length in x.shape[1:3]]
        if not torch.is_grad_enabled():
            for axis, side in enumerate(sides, 1):
                x = _max_along(x, axis, size, stride, side)
            return x
        (top, bottom), (left, right) = sides
        images = x.permute(0, 3, 1, 2)
        if top != bottom or left != right:
            images = F.pad(images, (left, right, top, bottom), value=-torch.inf)
            top = left = 0
        return F.max_pool2d(images, size, stride, (top, left)).permute(0, 2, 3, 1)

    def _max_along(
        x: Any, axis: int, size: int, stride: int, side: tuple[int, int]
    ) -> Any:
        """Takes the maximum along one axis; torch's own pool takes 5 times longer."""
        count = (x.shape[axis] + sum(side) - size) // stride + 1
        all_before = (slice(None),) * axis
        y = None
        # From the pixel on, offset 0, that all windows have.
        for offset in sorted(range(-side[0], size - side[0]), key=abs):
            first = min(max(-(offset // stride), 0), count)
            pixels = (*all_before, slice(first * stride + offset, None, stride))
            part = x[pixels][(*all_before, slice(count - first))]
            if y is None:
                y = part.clone()
            else:
                target = y.narrow(axis, first, part.shape[axis])
                torch.maximum(target, part, out=target)
        return y

elif keras.config.backend() == "tensorflow":
    import tensorflow as tf

    def _conv2d(x, kernel, bias, strides, padding, dilation):
        sides: Any
        if isinstance(padding, int):
            sides = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
        else:
            sides = padding.upper()
        if max(dilation) == 1:
            y = tf.nn.conv2d(x, kernel, strides, sides)
        else:  # which `conv2d` has no gradient for on a CPU
            if isinstance(padding, int):
                x, sides = tf.pad(x, sides), "VALID"
            y = tf.nn.convolution(x, kernel, strides, sides, dilations=dilation)
        return y if bias is None else tf.nn.bias_add(y, bias)

    def _max_pool2d(x, size, stride, padding):
        if isinstance(padding, int):
            # XLA knows no padding of a pool by numbers.
            sides = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
            x, padding = tf.pad(x, sides, constant_values=x.dtype.min), "valid"
        return tf.nn.max_pool2d(x, size, stride, padding.upper())

    def _keep_kernel_in_order(kernel):
        pass

else:
    import jax
    import jax.numpy as jnp

    def _conv2d(x, kernel, bias, strides, padding, dilation):
        sides = padding.upper() if isinstance(padding, str) else [(padding,) * 2] * 2
        y = jax.lax.conv_general_dilated(
            x,
            kernel,
            strides,
            sides,
            rhs_dilation=dilation,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        )
        return y if bias is None else y + bias

    def _max_pool2d(x, size, stride, padding):
        sides = padding.upper() if isinstance(padding, str) else [(padding,) * 2] * 2
        if isinstance(padding, int):
            sides = [(0, 0), *sides, (0, 0)]
        return jax.lax.reduce_window(
            x,
            -jnp.inf,
            jax.lax.max,
            (1, size, size, 1),
            (1, stride, stride, 1),
            sides,
        )

    def _keep_kernel_in_order(kernel):
        pass


def conv2d(
    x: Any,
    kernel: Any,
    bias: Any = None,
    *,
    strides: tuple[int, int] = (1, 1),
    padding: str | int = "same",
    dilation: tuple[int, int] = (1, 1),
) -> Any:
    """Convolves images with a kernel.

    Args:
        x: tensor `(B, H, W, C)`.
        kernel: tensor `(h, w, C, D)`.
        bias: tensor `(D,)` or None.
        strides: pixels between two outputs, along height and width.
        padding: "same" (an output per stride; the odd pixel goes to the end),
            "valid" (none) or pixels of zeros on each of the four sides.
        dilation: pixels between two weights, along height and width.

    Returns:
        Tensor `(B, h', w', D)`.
    """
    return _conv2d(x, kernel, bias, strides, padding, dilation)


def max_pool2d(x: Any, size: int, stride: int, padding: str | int = "same") -> Any:
    """Takes the maximum of each channel over square windows.

    Args:
        x: tensor `(B, H, W, C)`.
        size: height and width of a window.
        stride: pixels between two windows.
        padding: "same", "valid", or by how many pixels, fewer than half of
            `size`, windows reach over each of the four sides; what is outside is
            left out.

    Returns:
        Tensor `(B, h', w', C)`.
    """
    return _max_pool2d(x, size, stride, padding)


def keep_kernel_in_order(kernel: Any) -> None:
    """Moves a kernel's numbers in memory to where its convolution reads them.

    Shape and values stay. On CPU, oneDNN otherwise reorders the kernel at each
    call: a third of the time of a ResNet-50 on one image.

    Args:
        kernel: a `keras.Variable` `(h, w, C, D)`.
    """
    _keep_kernel_in_order(kernel)
