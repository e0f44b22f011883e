import keras
import numpy as np

from domain_core.testing import assert_close, to_numpy
from keras_cv.layers.spatial_pyramid_pooling_fast import SpatialPyramidPoolingFast


def test_it_is_three_pools_side_by_side():
    x = np.random.default_rng(0).normal(size=(2, 17, 9, 6)).astype("float32")
    layer = SpatialPyramidPoolingFast(4, activation="silu")
    received = to_numpy(layer(x))
    assert received.shape == (2, 17, 9, 4)
    assert layer.input_conv.kernel.shape == (1, 1, 6, 3)
    hidden = layer.conv_norm_activate("input_", keras.ops.convert_to_tensor(x), False)
    pools = [
        keras.layers.MaxPooling2D(size, 1, padding="same", data_format="channels_last")
        for size in (5, 9, 13)
    ]
    maps = keras.ops.concatenate([hidden, *(pool(hidden) for pool in pools)], axis=-1)
    assert_close(received, layer.conv_norm_activate("output_", maps, False))
    again = SpatialPyramidPoolingFast.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
