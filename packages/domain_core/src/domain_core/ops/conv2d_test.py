"""Convolution and maximum over windows against loops in NumPy."""

import keras
import numpy as np
import pytest

from domain_core import ops
from domain_core.testing import assert_close, to_numpy


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def without_gradients(function):
    """Runs as `predict` does: torch takes other ways then."""
    if keras.config.backend() != "torch":
        return function()
    import torch

    with torch.no_grad():
        return function()


def sides(length, reach, stride, padding):
    """Returns the pixels before the image, and the number of outputs."""
    if padding == "same":
        count = -(-length // stride)
        return max((count - 1) * stride + reach - length, 0) // 2, count
    before = 0 if padding == "valid" else padding
    return before, (length + 2 * before - reach) // stride + 1


def windows(x, size, stride, dilation, padding, fill):
    """Yields the place of each output and its window `(B, size, size, C)`."""
    reach = dilation * (size - 1) + 1
    (top, rows), (left, columns) = (
        sides(length, reach, stride, padding) for length in x.shape[1:3]
    )
    margin = ((0, 0), (top, reach + stride), (left, reach + stride), (0, 0))
    wide = np.pad(x, margin, constant_values=fill)
    for row in range(rows):
        for column in range(columns):
            window = wide[:, row * stride :, column * stride :]
            yield row, column, window[:, :reach:dilation, :reach:dilation]


def collect(values):
    values = list(values)
    rows, columns = (1 + max(v[axis] for v in values) for axis in (0, 1))
    flat = np.stack([value for _, _, value in values], axis=1)
    return flat.reshape(len(flat), rows, columns, -1)


@pytest.mark.backends
@pytest.mark.parametrize("height", [6, 7])
@pytest.mark.parametrize(
    ("size", "stride", "dilation", "padding"),
    [
        (3, 1, 1, "same"),
        (3, 2, 1, "same"),
        (1, 2, 1, "same"),
        (3, 1, 2, "same"),
        (3, 1, 2, 2),
        (3, 2, 1, "valid"),
        (3, 2, 1, 1),
        (5, 2, 1, 2),
    ],
)
def test_conv2d(height, size, stride, dilation, padding):
    x, kernel, bias = random(2, height, 9, 3), random(size, size, 3, 4), random(4)
    expected = collect(
        (row, column, np.tensordot(window, kernel, 3))
        for row, column, window in windows(x, size, stride, dilation, padding, 0)
    )
    options = {
        "strides": (stride, stride),
        "dilation": (dilation, dilation),
        "padding": padding,
    }
    assert_close(ops.conv2d(x_of(x), x_of(kernel), **options), expected)
    received = ops.conv2d(x_of(x), x_of(kernel), x_of(bias), **options)
    assert_close(received, expected + bias)


def x_of(array):
    return keras.ops.convert_to_tensor(array)


@pytest.mark.backends
@pytest.mark.parametrize("height", [1, 6, 7])
@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [(3, 2, "same"), (3, 2, 1), (2, 2, "same"), (5, 1, 2), (1, 2, "valid")],
)
def test_max_pool2d(height, size, stride, padding):
    x = random(2, height, 9, 3) - 2  # negative: zeros of a padding would win
    expected = collect(
        (row, column, window.max((1, 2)))
        for row, column, window in windows(x, size, stride, 1, padding, -np.inf)
    )
    assert_close(ops.max_pool2d(x_of(x), size, stride, padding), expected)
    received = without_gradients(lambda: ops.max_pool2d(x_of(x), size, stride, padding))
    assert_close(received, expected, rtol=0, atol=0)


@pytest.mark.backends
def test_a_kernel_keeps_its_values_in_another_order():
    value, update = random(3, 3, 4, 5), random(3, 3, 4, 5, seed=1)
    kernel = keras.Variable(value)
    ops.keep_kernel_in_order(kernel)
    assert_close(kernel, value, rtol=0, atol=0)
    kernel.assign(update)
    assert_close(kernel, update, rtol=0, atol=0)
    if keras.config.backend() == "torch":
        assert kernel.value.permute(3, 0, 1, 2).is_contiguous()


def test_fused_adam_on_a_kernel_in_order():
    slopes = [random(3, 3, 4, 5, seed=seed) for seed in range(3)]
    results = []
    for optimizer in (keras.optimizers.Adam(0.1), ops.FusedAdam(0.1)):
        kernel = keras.Variable(random(3, 3, 4, 5, seed=9))
        ops.keep_kernel_in_order(kernel)
        optimizer.build([kernel])
        for slope in slopes:
            slope = slope.transpose(3, 0, 1, 2).copy().transpose(1, 2, 3, 0)
            optimizer.apply([x_of(slope)], [kernel])
        results.append([to_numpy(v) for v in (kernel, *optimizer.variables)])
    for received, expected in zip(*results, strict=True):
        assert_close(received, expected)


@pytest.mark.backends
def test_dilated_convolutions_have_gradients():
    """TensorFlow's own `conv2d` has none on a CPU."""
    x, kernel = random(2, 9, 8, 3), random(3, 3, 3, 4)

    class Dilated(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=kernel.shape)
            self.kernel.assign(kernel)

        def call(self, inputs):
            return ops.conv2d(inputs, self.kernel.value, dilation=(2, 2))

    layer = Dilated()
    model = keras.Sequential([keras.Input((9, 8, 3)), layer])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    target = random(2, 9, 8, 4, seed=1)
    before = to_numpy(model(x))
    model.train_on_batch(x, target)
    # One step by the gradient of the mean square, in the direction of one tap.
    slope = 2 * (before - target) / target.size
    step = np.tensordot(x, slope, axes=((0, 1, 2), (0, 1, 2)))
    assert_close(layer.kernel[1, 1], kernel[1, 1] - step, rtol=1e-5, atol=1e-5)
