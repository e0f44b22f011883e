"""Resizing against TensorFlow's, and what upstream got wrong."""

import keras
import numpy as np
import pytest

from keras_cv.core import ConstantFactorSampler
from keras_cv.layers.preprocessing import (
    Augmenter,
    RandomFlip,
    RandomTranslation,
    Resizing,
)
from keras_cv.layers.preprocessing.cases_test import BOXES, sample

FILTERS = ("bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")


@pytest.mark.parametrize("size", [(20, 28), (50, 61), (32, 70)])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest", *FILTERS])
def test_filters_are_those_of_tensorflow(interpolation, size):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (2, 32, 40, 3)).astype("float32")
    expected = tf.image.resize(images, size, interpolation)
    layer = Resizing(*size, interpolation)
    # TensorFlow has cubic weights in a table, for each 1/1024 of a pixel.
    atol = 0.25 if interpolation == "bicubic" else 0.02
    np.testing.assert_allclose(layer(images), expected, atol=atol)
    tensors = layer(keras.ops.convert_to_tensor(images))
    found = keras.ops.convert_to_numpy(tensors)
    np.testing.assert_allclose(found, expected, atol=atol)


@pytest.mark.parametrize("size", [(20, 28), (50, 30), (20, 90)])
def test_crop_is_that_of_keras(size):
    images = np.random.default_rng(0).uniform(0, 1, (2, 33, 40, 3)).astype("float32")
    theirs = keras.layers.Resizing(*size, crop_to_aspect_ratio=True)
    expected = keras.ops.convert_to_numpy(theirs(images))
    found = Resizing(*size, crop_to_aspect_ratio=True)(images)
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_padding_is_zero_at_the_bottom_or_the_right():
    images = np.full((2, 10, 20, 3), 200, "uint8")
    wide = Resizing(30, 40, pad_to_aspect_ratio=True)(images)
    assert (wide[:, :20] == 200).all()
    assert (wide[:, 20:] == 0).all()
    high = Resizing(30, 70, pad_to_aspect_ratio=True, interpolation="bicubic")(images)
    assert (high[:, :, :60] == 200).all()
    assert (high[:, :, 60:] == 0).all()


@pytest.mark.parametrize("mode", ["", "crop_to_aspect_ratio", "pad_to_aspect_ratio"])
def test_boxes_follow_in_every_mode(mode):
    """Upstream took boxes with padding only."""
    inputs = {
        "images": np.zeros((1, 20, 40, 3), "uint8"),
        "bounding_boxes": {
            "boxes": np.array([[[10.0, 4, 20, 16]]], "float32"),
            "classes": np.zeros((1, 1), "float32"),
        },
    }
    options = {mode: True} if mode else {}
    outputs = Resizing(40, 40, **options, **BOXES)(inputs)
    expected = {
        "": [10, 8, 20, 32],
        "crop_to_aspect_ratio": [0, 8, 20, 32],
        "pad_to_aspect_ratio": [10, 4, 20, 16],
    }
    np.testing.assert_allclose(outputs["bounding_boxes"]["boxes"][0, 0], expected[mode])


def test_defect_19_nothing_is_added_to_the_dict():
    """Upstream put `segmentation_masks=None` there (defect 19)."""
    images = sample()["images"]
    assert set(Resizing(8, 8)({"images": images})) == {"images"}


def test_training_makes_no_difference():
    images = sample()["images"]
    layer = Resizing(8, 9, pad_to_aspect_ratio=True)
    np.testing.assert_array_equal(layer(images), layer(images, training=False))


def test_filters_and_padding_are_not_made_one_with_others():
    inputs = sample()
    for options in ({"interpolation": "bicubic"}, {"pad_to_aspect_ratio": True}):
        layers = [RandomFlip(seed=1), Resizing(20, 20, **options), RandomFlip(seed=2)]
        images = inputs["images"]
        fused = Augmenter(layers)(images, index=np.arange(4))
        apart = Augmenter(layers, fuse=False)(images, index=np.arange(4))
        assert np.abs(fused.astype(int) - apart).max() <= 1


def test_padding_is_zero_whatever_is_filled_before():
    """Made one with a layer that fills, padding is still Resizing's."""
    images = np.full((1, 10, 20, 3), 200, "uint8")
    shift = RandomTranslation(0.0, ConstantFactorSampler(0.5), "constant", fill_value=9)
    found = Augmenter([shift, Resizing(20, 20, pad_to_aspect_ratio=True)])(images)
    assert (found[0, :10, :10] == 9).all()
    assert (found[0, 10:] == 0).all()


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="at most one of"):
        Resizing(8, 8, crop_to_aspect_ratio=True, pad_to_aspect_ratio=True)
    with pytest.raises(ValueError, match="interpolation"):
        Resizing(8, 8, "cubic")
    with pytest.raises(ValueError, match="height"):
        Resizing(0, 8)
