import gc

import keras
import ml_dtypes  # noqa: F401  NumPy then knows bfloat16
import numpy as np
import pytest

from domain_core import ops

pytestmark = pytest.mark.backends


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "int8"])
@pytest.mark.parametrize("offset", [0, 8])
def test_a_variable_keeps_what_came_from_an_array(dtype, offset):
    expected = np.arange(64 * 64).reshape(64, 64) % 100
    size = expected.size * np.dtype(dtype).itemsize
    memory = np.empty(size + 128, np.uint8)
    start = -memory.ctypes.data % 64 + offset
    array = memory[start : start + size].view(dtype).reshape(64, 64)
    array[:] = expected
    variable = keras.Variable(np.zeros((64, 64)), dtype=dtype, trainable=False)
    variable.assign(ops.from_numpy(array))
    variable.assign_add(np.ones((64, 64)))  # in place, perhaps
    del array, memory
    gc.collect(1)
    np.full(size + 128, 7, "uint8")  # takes memory that was given back
    received = keras.ops.convert_to_numpy(variable.value).astype("float32")
    np.testing.assert_array_equal(received, expected + 1)


@pytest.mark.parametrize("shape", [(), (0, 3), (3, 2)])
def test_any_shape_and_order(shape):
    array = np.full(shape, 2.5, "float32").T
    variable = keras.Variable(np.zeros(array.shape, "float32"))
    variable.assign(ops.from_numpy(array))
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(variable.value), array)
