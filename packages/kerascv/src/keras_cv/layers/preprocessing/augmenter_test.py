"""Layers one after another, and as one."""

import numpy as np
import pytest

from keras_cv.augmentation.numpy_engine import NumpyEngine
from keras_cv.core import ConstantFactorSampler
from keras_cv.layers.preprocessing import (
    Augmenter,
    MixUp,
    RandomBrightness,
    RandomCropAndResize,
    RandomFlip,
    RandomRotation,
)
from keras_cv.layers.preprocessing.cases_test import BOXES, sample


@pytest.fixture
def warps(monkeypatch):
    """The interpolation of every resampling that is done."""
    done = []
    warp = NumpyEngine.warp

    def counted(engine, images, transform, interpolation):
        done.append(interpolation)
        return warp(engine, images, transform, interpolation)

    monkeypatch.setattr(NumpyEngine, "warp", counted)
    return done


def turn(angle, **options):
    return RandomRotation(ConstantFactorSampler(angle), **BOXES, **options)


def test_neighbours_resample_once(warps):
    layers = [
        RandomFlip(seed=1, **BOXES),
        turn(0.1),
        turn(0.05),
        RandomBrightness(0.1, seed=2),
        turn(0.02),
    ]
    inputs = sample()
    Augmenter(layers)(inputs)
    assert warps == ["bilinear", "nearest"] * 2  # images and masks
    warps.clear()
    Augmenter(layers, fuse=False)(inputs)
    assert len(warps) == 8


def test_one_resampling_is_sharper():
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    there_and_back = [turn(0.03), turn(-0.03)]
    fused = Augmenter(there_and_back)(image)
    apart = Augmenter(there_and_back, fuse=False)(image)
    inner = (slice(None), slice(8, 24), slice(8, 24))
    error = [np.abs(x[inner] - image[inner]).mean() for x in (fused, apart)]
    assert error[0] < 0.01 < 10 < error[1]


def test_a_crop_joins_what_is_before_it(warps):
    layers = [
        turn(0.03),
        RandomCropAndResize((40, 44), (0.4, 0.9), (0.8, 1.2), **BOXES),
    ]
    inputs, index = sample(), np.arange(4)
    fused = Augmenter(layers)(inputs, index=index)
    assert warps == ["bilinear", "nearest"]
    apart = Augmenter(layers, fuse=False)(inputs, index=index)
    inner = (slice(None), slice(3, -3), slice(3, -3))
    difference = np.abs(fused["images"][inner].astype(int) - apart["images"][inner])
    assert difference.mean() < 1
    for key in ("boxes", "classes"):
        np.testing.assert_allclose(
            fused["bounding_boxes"][key], apart["bounding_boxes"][key], atol=1e-4
        )
    np.testing.assert_allclose(fused["keypoints"], apart["keypoints"], atol=1e-4)


def test_exact_transforms_are_the_same_fused():
    inputs = sample()
    layers = [
        RandomFlip(seed=1, **BOXES),
        RandomFlip("vertical", seed=2, **BOXES),
        RandomFlip(seed=3, **BOXES),
    ]
    index = np.arange(4)
    fused = Augmenter(layers)(inputs, index=index)
    apart = Augmenter(layers, fuse=False)(inputs, index=index)
    for key in ("images", "segmentation_masks"):
        np.testing.assert_array_equal(fused[key], apart[key])
    for key in ("boxes", "classes"):
        np.testing.assert_allclose(
            fused["bounding_boxes"][key], apart["bounding_boxes"][key], atol=1e-4
        )


def test_fills_that_differ_are_done_apart(warps):
    Augmenter([turn(0.1), turn(0.1, fill_mode="constant")])(sample()["images"])
    assert len(warps) == 2


def test_parameters_can_be_applied_again():
    inputs = sample()
    augmenter = Augmenter([turn(0.1), MixUp(seed=1), RandomFlip(seed=2, **BOXES)])
    del inputs["segmentation_masks"]
    outputs, parameters = augmenter(inputs, return_parameters=True)
    again = augmenter(inputs, parameters=parameters)
    np.testing.assert_array_equal(outputs["images"], again["images"])


def test_without_training_only_what_is_certain_is_done():
    inputs = sample()
    outputs = Augmenter([turn(0.1), RandomFlip(**BOXES)])(inputs, training=False)
    np.testing.assert_array_equal(outputs["images"], inputs["images"])


def test_takes_layers_only():
    with pytest.raises(ValueError, match="augmentation layers of keras_cv"):
        Augmenter([RandomFlip(), lambda images: images])
    with pytest.raises(ValueError, match="to be a list"):
        Augmenter(RandomFlip())
