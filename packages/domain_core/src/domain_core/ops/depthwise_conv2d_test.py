"""Convolution within channels against loops in NumPy."""

import keras
import numpy as np
import pytest

from domain_core import ops
from domain_core.testing import assert_close, to_numpy

pytestmark = pytest.mark.backends


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def tensor(array):
    return keras.ops.convert_to_tensor(array)


def by_loops(x, kernel, stride, padding, dilation):
    """Convolves in NumPy, output by output."""
    size = kernel.shape[0]
    reach = dilation * (size - 1) + 1
    starts, counts = [], []
    for length in x.shape[1:3]:
        count, before = (length - reach) // stride + 1, 0
        if padding == "same":
            count = -(-length // stride)
            before = max((count - 1) * stride + reach - length, 0) // 2
        elif padding != "valid":
            count, before = (length + 2 * padding - reach) // stride + 1, padding
        starts.append(before)
        counts.append(count)
    margin = [(0, 0), *((before, reach + stride) for before in starts), (0, 0)]
    wide = np.pad(x, margin)
    y = np.empty((len(x), *counts, x.shape[-1]))
    for row, column in np.ndindex(*counts):
        top, left = row * stride, column * stride
        window = wide[:, top : top + reach : dilation, left : left + reach : dilation]
        y[:, row, column] = (window * kernel[..., 0]).sum((1, 2))
    return y


@pytest.mark.parametrize("height", [6, 7])
@pytest.mark.parametrize(
    ("size", "stride", "padding", "dilation"),
    [
        (3, 1, "same", 1),
        (3, 2, "same", 1),
        (5, 2, 2, 1),
        (3, 2, "valid", 1),
        (3, 1, "same", 2),
    ],
)
def test_values(height, size, stride, padding, dilation):
    x, kernel, bias = random(2, height, 9, 3), random(size, size, 3, 1), random(3)
    expected = by_loops(x, kernel, stride, padding, dilation)
    options = {"stride": stride, "padding": padding, "dilation": dilation}
    received = ops.depthwise_conv2d(tensor(x), tensor(kernel), **options)
    assert_close(received, expected)
    received = ops.depthwise_conv2d(*map(tensor, (x, kernel, bias)), **options)
    assert_close(received, expected + bias)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_half_precision(dtype):
    x, kernel = random(2, 6, 9, 3), random(5, 5, 3, 1)
    x, kernel = (keras.ops.cast(tensor(a), dtype) for a in (x, kernel))
    y = ops.depthwise_conv2d(x, kernel)
    assert keras.backend.standardize_dtype(y.dtype) == dtype
    wide = (to_numpy(keras.ops.cast(a, "float32")) for a in (x, kernel))
    expected = by_loops(*wide, 1, "same", 1)
    # The result is rounded to 8 bits; or to 11, but TensorFlow adds up in float16, too,
    # 25 numbers of up to 5, by which a small sum is off by more.
    received = to_numpy(keras.ops.cast(y, "float32"))
    assert_close(received, expected, rtol=2**-6, atol=2**-6)


def test_gradients():
    """One step of training moves a kernel by what loops say."""
    x, kernel, target = random(2, 5, 6, 3), random(3, 3, 3, 1), random(2, 3, 3, 3)

    class Layer(keras.layers.Layer):
        def build(self, shape):
            self.kernel = self.add_weight(shape=kernel.shape)
            self.kernel.assign(kernel)

        def call(self, inputs):
            return ops.depthwise_conv2d(inputs, self.kernel.value, stride=2)

    layer = Layer()
    model = keras.Sequential([keras.Input((5, 6, 3)), layer])
    model.compile(keras.optimizers.SGD(1.0), "mse")
    model.train_on_batch(x, target)
    slope = 2 * (by_loops(x, kernel, 2, "same", 1) - target) / target.size
    for tap in ((0, 0), (1, 1), (2, 1)):
        one = np.zeros_like(kernel)
        one[tap] = 1
        step = (by_loops(x, one, 2, "same", 1) * slope).sum((0, 1, 2))
        assert_close(layer.kernel[tap][:, 0], kernel[tap][:, 0] - step)
