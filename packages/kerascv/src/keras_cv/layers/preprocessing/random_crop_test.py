"""Crops: which pixels come out, and what smaller images become."""

import keras
import numpy as np
import pytest

from keras_cv.layers.preprocessing import (
    Augmenter,
    CenterCrop,
    RandomCrop,
    RandomCropAndResize,
    RandomTranslation,
)
from keras_cv.layers.preprocessing.cases_test import sample


def numbered(height, width, batch=1):
    """Images whose values tell their row and column."""
    y, x = np.mgrid[:height, :width]
    return np.stack([np.stack([y, x, y * 0], -1)] * batch).astype("uint8")


def test_crops_are_whole_pixels_and_reach_every_place():
    images = numbered(6, 9, batch=400)
    crops = RandomCrop(4, 7, seed=1)(images)
    corners = crops[:, 0, 0, :2]
    assert {tuple(corner) for corner in corners.tolist()} == {
        (y, x) for y in range(3) for x in range(3)
    }
    for crop, (y, x) in zip(crops, corners, strict=True):
        np.testing.assert_array_equal(crop, images[0, y : y + 4, x : x + 7])


@pytest.mark.parametrize("size", [(6, 9), (5, 8), (4, 4), (1, 1)])
def test_without_training_the_crop_is_in_the_middle(size):
    images = numbered(6, 9)
    theirs = keras.ops.convert_to_numpy(keras.layers.CenterCrop(*size)(images))
    for layer in (RandomCrop(*size), CenterCrop(*size)):
        np.testing.assert_array_equal(layer(images, training=False), theirs)


@pytest.mark.parametrize("size", [(40, 30), (20, 60), (60, 60)])
def test_smaller_images_are_resized(size):
    images = sample("float32")["images"]
    keep = keras.layers.CenterCrop(*size)
    expected = keras.ops.convert_to_numpy(keep(images))
    np.testing.assert_allclose(CenterCrop(*size)(images), expected, atol=0.02)
    stretched = keras.layers.Resizing(*size)
    expected = keras.ops.convert_to_numpy(stretched(images))
    np.testing.assert_allclose(RandomCrop(*size)(images), expected, atol=0.02)


def test_images_of_different_sizes_are_cropped_or_resized_each():
    images = [numbered(30, 30)[0], numbered(5, 30)[0]]
    outputs = RandomCrop(10, 10, seed=1)(images)
    y, x = outputs[0][0, 0, :2]
    np.testing.assert_array_equal(outputs[0], images[0][y : y + 10, x : x + 10])
    assert outputs[1][0, 0, 0] == 0
    assert outputs[1][-1, -1, 0] == 4


def test_part_has_the_area_and_the_aspect_ratio_that_were_drawn():
    layer = RandomCropAndResize((50, 50), (0.2, 0.6), (0.5, 2.0), seed=1)
    images = numbered(200, 100, batch=64).astype("float32")
    outputs, drawn = layer(images, return_parameters=True)
    area, ratio = drawn["height"] * drawn["width"], drawn["width"] / drawn["height"]
    is_whole = (drawn["height"] < 1) & (drawn["width"] < 1)
    assert ((area >= 0.2 - 1e-5) & (area <= 0.6 + 1e-5)).all()
    assert ((ratio >= 0.5 - 1e-5) & (ratio <= 2.0 + 1e-5))[is_whole].all()
    # Of 49 steps between the first and the last pixel, those of the part are seen.
    high = (outputs[:, -1, 0, 0] - outputs[:, 0, 0, 0]) * 50 / 49
    np.testing.assert_allclose(high, drawn["height"] * 200, atol=1.5)


def test_without_training_the_whole_image_is_resized():
    images = sample("float32")["images"]
    layer = RandomCropAndResize((20, 24), (0.2, 0.6), (0.5, 2.0))
    expected = keras.ops.convert_to_numpy(keras.layers.Resizing(20, 24)(images))
    np.testing.assert_allclose(layer(images, training=False), expected, atol=0.02)


def test_what_follows_sees_the_crop_only():
    """Made one, or not: what a shift fills in comes from within the crop."""
    images = sample(size=(40, 40))["images"]
    layers = [
        RandomCrop(24, 24, seed=1),
        RandomTranslation(0.4, 0.4, interpolation="nearest", seed=2),
    ]
    fused = Augmenter(layers)(images, index=np.arange(4))
    apart = Augmenter(layers, fuse=False)(images, index=np.arange(4))
    np.testing.assert_array_equal(fused, apart)


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: RandomCrop(0, 4), "height"),
        (lambda: CenterCrop(4, 2.5), "width"),
        (lambda: RandomCropAndResize(4, (0.5, 1.0), (1.0, 1.0)), "target_size"),
        (lambda: RandomCropAndResize((4, 4), 0.5, (1.0, 1.0)), "crop_area_factor"),
        (lambda: RandomCropAndResize((4, 4), (0, 1.0), (1, 1)), "crop_area_factor"),
        (lambda: RandomCropAndResize((4, 4), (0.5, 1.5), (1, 1)), "crop_area_factor"),
        (lambda: RandomCropAndResize((4, 4), (0.5, 1), (2, 1)), "aspect_ratio_factor"),
    ],
)
def test_arguments_are_checked(make, name):
    with pytest.raises(ValueError, match=name):
        make()
