import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.layers.windows import join_windows, split_windows


@pytest.mark.parametrize("size", [(6, 9), (5, 7), (2, 1)])
def test_there_and_back(size):
    x = np.random.default_rng(0).normal(size=(2, *size, 4)).astype("float32")
    windows = split_windows(keras.ops.convert_to_tensor(x), 3)
    rows, columns = -(-size[0] // 3), -(-size[1] // 3)
    assert tuple(windows.shape) == (2 * rows * columns, 3, 3, 4)
    filled = np.zeros((2, 3 * rows, 3 * columns, 4), "float32")
    filled[:, : size[0], : size[1]] = x
    assert_close(windows[columns - 1], filled[0, :3, -3:], rtol=0, atol=0)
    assert_close(join_windows(windows, *size), x, rtol=0, atol=0)


def test_what_fills_up():
    x = keras.ops.zeros((1, 2, 2, 3))
    filling = keras.ops.convert_to_tensor([1.0, 2.0, 3.0])
    windows = to_numpy(split_windows(x, 3, filling))
    assert not windows[0, :2, :2].any()
    assert (windows[0, 2] == [1, 2, 3]).all() and (windows[0, :, 2] == [1, 2, 3]).all()
