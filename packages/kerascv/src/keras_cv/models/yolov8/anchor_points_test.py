import keras
import numpy as np
import pytest

from domain_core.testing import assert_close
from keras_cv.backend_functions_test import BACKEND
from keras_cv.models.yolov8 import get_anchors


def expected(height, width):
    return np.array(
        [
            [(x + 0.5) * stride, (y + 0.5) * stride, stride]
            for stride in (8, 16, 32)
            for y in range(-(-height // stride))
            for x in range(-(-width // stride))
        ]
    )


@pytest.mark.parametrize("shape", [(64, 96, 3), (65, 50), (1, 1), (640, 640)])
def test_one_per_cell(shape):
    points, strides = get_anchors(shape)
    assert isinstance(points, np.ndarray) and points.dtype == strides.dtype == "float32"
    rows = expected(*shape[:2])
    np.testing.assert_array_equal(points, rows[:, :2])
    np.testing.assert_array_equal(strides, rows[:, 2])


def test_other_strides_and_corners():
    points, strides = get_anchors((8, 12), strides=[4], base_anchors=[0, 1])
    assert points.tolist() == [[x, y] for y in (4, 8) for x in (0, 4, 8)]
    assert strides.tolist() == [4] * 6


@pytest.mark.backends("torch", "tensorflow")
def test_sizes_that_are_not_known_yet():
    def anchors(images):
        return get_anchors(keras.ops.shape(images)[1:3])

    if BACKEND == "tensorflow":
        import tensorflow as tf

        signature = [tf.TensorSpec((None, None, None, 3))]
        anchors = tf.function(anchors, input_signature=signature)
    for shape in ((1, 64, 96, 3), (2, 65, 50, 3)):
        points, strides = anchors(keras.ops.zeros(shape))
        rows = expected(*shape[1:3])
        assert_close(points, rows[:, :2], rtol=0, atol=0)
        assert_close(strides, rows[:, 2], rtol=0, atol=0)
