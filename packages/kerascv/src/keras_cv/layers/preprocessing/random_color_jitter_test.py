"""Jitter is four layers in one."""

import keras
import numpy as np
import pytest

from keras_cv.layers.preprocessing import (
    RandomBrightness,
    RandomColorJitter,
    RandomContrast,
    RandomHue,
    RandomSaturation,
)
from keras_cv.layers.preprocessing.cases_test import sample


@pytest.mark.parametrize("value_range", [(0, 255), (-1, 1)])
def test_it_does_what_four_layers_do(value_range):
    images = sample("float32", value_range=value_range)["images"]
    layer = RandomColorJitter(value_range, 0.4, 0.6, (0.2, 0.9), 0.5, seed=1)
    found, drawn = layer(images, return_parameters=True)
    tensors = layer(keras.ops.convert_to_tensor(images), parameters=drawn)
    expected = images
    for single, name, theirs in (
        (RandomBrightness(0.4, value_range), "brightness", "factor"),
        (RandomContrast(value_range, 0.6), "contrast", "factor"),
        (RandomSaturation((0.2, 0.9), value_range=value_range), "saturation", None),
        (RandomHue(0.5, value_range), "hue", None),
    ):
        expected = single(expected, parameters={theirs or name: drawn[name]})
    extent = value_range[1] - value_range[0]
    assert np.abs(expected - images).mean() > 0.05 * extent
    np.testing.assert_allclose(found, expected, atol=1e-5 * extent)
    tensors = keras.ops.convert_to_numpy(tensors)
    np.testing.assert_allclose(tensors, expected, atol=1e-4 * extent)


def test_uint8_is_rounded_once():
    images = sample()["images"]
    layer = RandomColorJitter((0, 255), 0.2, 0.3, (0.3, 0.9), 0.3, seed=2)
    found, drawn = layer(images, return_parameters=True)
    expected = layer(images.astype("float32"), parameters=drawn)
    assert np.abs(found - expected).max() < 0.51
