"""Blur and smoothing, against convolutions of Keras and Pillow."""

import keras
import numpy as np
import pytest
from PIL import Image, ImageFilter

from keras_cv.core import ConstantFactorSampler as Constant
from keras_cv.layers.preprocessing import RandomGaussianBlur, RandomSharpness
from keras_cv.layers.preprocessing.cases_test import sample

NOISE = np.random.default_rng(0).integers(0, 256, (2, 20, 30, 3)).astype("uint8")


def gaussian(size, sigma):
    places = np.arange(size) - (size - 1) // 2
    weights = np.exp(-(places**2) / (2 * sigma**2))
    return weights / weights.sum()


@pytest.mark.parametrize(("size", "pair"), [(5, (5, 5)), ((3, 8), (3, 8)), (1, (1, 1))])
def test_blur_is_a_convolution_with_zeros_around(size, pair):
    images = NOISE.astype("float32")
    kernel = np.outer(gaussian(pair[1], 1.7), gaussian(pair[0], 1.7))
    kernel = kernel[:, :, None, None].repeat(3, 2).astype("float32")
    expected = keras.ops.depthwise_conv(images, kernel, padding="same")
    layer = RandomGaussianBlur(size, Constant(1.7))
    expected = keras.ops.convert_to_numpy(expected)
    np.testing.assert_allclose(layer(images), expected, atol=1e-3)
    assert np.abs(layer(NOISE) - expected).max() < 0.501


@pytest.mark.parametrize(
    ("mode", "pad"), [("reflect", "symmetric"), ("nearest", "edge")]
)
def test_what_lies_outside(mode, pad):
    images = NOISE.astype("float32")
    padded = np.pad(images, ((0, 0), (3, 3), (3, 3), (0, 0)), pad)
    whole = RandomGaussianBlur(7, Constant(2.0), fill_mode=mode)
    expected = whole(padded)[:, 3:-3, 3:-3]
    np.testing.assert_allclose(whole(images), expected, atol=1e-3)
    flat = np.full((1, 9, 9, 1), 200, "uint8")
    np.testing.assert_array_equal(whole(flat), flat)


def test_no_width_is_no_blur():
    np.testing.assert_array_equal(RandomGaussianBlur(5, Constant(0.0))(NOISE), NOISE)


def test_each_image_has_its_own_width():
    layer = RandomGaussianBlur(9, (0.5, 3.0), seed=1, fill_mode="reflect")
    found, drawn = layer(np.stack([NOISE[0]] * 8), return_parameters=True)
    left = found.astype("float32").std(axis=(1, 2, 3))
    assert (np.argsort(left) == np.argsort(-drawn["sigma"])).all()


@pytest.mark.parametrize("channels", [1, 5])
def test_any_number_of_channels(channels):
    images = sample(channels=channels)["images"]
    for layer in (RandomGaussianBlur(3, 1.0, seed=1), RandomSharpness(1.0, seed=1)):
        found, parameters = layer(images, return_parameters=True)
        tensors = layer(keras.ops.convert_to_tensor(images), parameters=parameters)
        assert (
            np.abs(found.astype(int) - keras.ops.convert_to_numpy(tensors)).max() <= 1
        )


def test_least_sharp_is_pillows_smooth():
    found = RandomSharpness(Constant(1.0))(NOISE)
    for image, result in zip(NOISE, found, strict=True):
        expected = np.asarray(Image.fromarray(image).filter(ImageFilter.SMOOTH))
        assert np.abs(result.astype(int) - expected).max() <= 1
        np.testing.assert_array_equal(result[0], image[0])
        np.testing.assert_array_equal(result[:, -1], image[:, -1])


def test_sharpness_blends():
    images = NOISE.astype("float32")
    full, part = (RandomSharpness(Constant(f))(images) for f in (1.0, 0.3))
    np.testing.assert_allclose(part, images + 0.3 * (full - images), atol=1e-3)
    np.testing.assert_array_equal(RandomSharpness(Constant(0.0))(NOISE), NOISE)


@pytest.mark.parametrize("size", [(1, 1), (2, 5)])
def test_tiny_images(size):
    images = NOISE[:, : size[0], : size[1]]
    np.testing.assert_array_equal(RandomSharpness(1.0)(images), images)
    assert RandomGaussianBlur(7, 2.0)(images).shape == images.shape
    tensors = RandomGaussianBlur(7, 2.0, fill_mode="reflect")(
        keras.ops.convert_to_tensor(images)
    )
    assert tuple(tensors.shape) == images.shape
