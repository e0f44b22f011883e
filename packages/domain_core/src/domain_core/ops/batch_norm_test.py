"""Batch normalization against NumPy, and what it overwrites."""

import keras
import numpy as np
import pytest

from domain_core import ops
from domain_core.testing import assert_close, to_numpy

pytestmark = pytest.mark.backends

EPSILON = 1e-5


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def tensors(*arrays, dtype="float32"):
    return [keras.ops.convert_to_tensor(array, dtype) for array in arrays]


@pytest.mark.parametrize("shape", [(2, 5, 3, 4), (1, 1, 1, 4), (6, 4)])
def test_in_training(shape):
    if keras.config.backend() == "tensorflow" and len(shape) != 4:
        pytest.skip("the fused op takes images")
    x, gamma, beta = random(*shape) * 3 + 5, random(4, seed=1), random(4, seed=2)
    axes = tuple(range(x.ndim - 1))
    mean, variance = x.mean(axes, "float64"), x.var(axes, "float64")
    expected = (x - mean) / np.sqrt(variance + EPSILON) * gamma + beta
    y, *statistics = ops.batch_norm_in_training(*tensors(x, gamma, beta), EPSILON)
    # Of one pixel, torch subtracts numbers of a thousand that are rounded apart.
    assert_close(y, expected, atol=1e-5 if x.size > 4 else 1e-3)
    assert_close(statistics[0], mean)
    assert_close(statistics[1], variance)


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("gradients", [False, True])
def test_at_inference(overwrite, gradients):
    x, gamma, beta, mean = (random(*s) for s in ((2, 5, 3, 4), (4,), (4,), (4,)))
    variance = mean**2 + 0.5
    expected = (x - mean) / np.sqrt(variance + EPSILON) * gamma + beta
    arguments = tensors(x.copy(), mean, variance, gamma, beta)

    def run():
        return ops.batch_norm(*arguments, EPSILON, overwrite)

    if keras.config.backend() == "torch" and not gradients:
        import torch

        with torch.no_grad():
            received = run()
    else:
        received = run()
    assert_close(received, expected)
    if gradients or not overwrite:
        assert_close(arguments[0], x, rtol=0, atol=0)


def test_16_bit_sums_run_in_32():
    x = random(64, 8, 8, 2) + 100
    half = to_numpy(keras.ops.cast(keras.ops.cast(x, "bfloat16"), "float32"))
    numbers = tensors(np.ones(2), np.zeros(2))
    y, mean, variance = ops.batch_norm_in_training(
        keras.ops.cast(x, "bfloat16"), *numbers, EPSILON
    )
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    assert_close(mean, half.mean((0, 1, 2)), rtol=1e-5)
    # Some backends subtract squares of a hundred: four digits of seven cancel.
    assert_close(variance, half.var((0, 1, 2), dtype="float64"), rtol=1e-3)
    y = ops.batch_norm(keras.ops.cast(x, "bfloat16"), mean, variance, *numbers, EPSILON)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"


def test_in_place_steps_keep_what_gradients_need():
    x, y = random(3, 4), random(3, 4, seed=1)
    received = ops.activation_in_place("relu")(ops.add_in_place(*tensors(x.copy(), y)))
    assert_close(received, np.maximum(x + y, 0))
    assert ops.activation_in_place(None)(3) == 3
