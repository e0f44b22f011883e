"""What upstream's JitteredResize got wrong, and where its pixels come from."""

import numpy as np
import pytest

from keras_cv.core import ConstantFactorSampler
from keras_cv.layers.preprocessing import JitteredResize
from keras_cv.layers.preprocessing.cases_test import BOXES, sample


def jitter(scale, *arguments, **options):
    return JitteredResize((40, 40), ConstantFactorSampler(scale), *arguments, **options)


def test_small_images_are_padded_at_the_bottom_and_the_right():
    images = np.full((1, 20, 30, 3), 200, "uint8")
    # Half of 40 pixels for the longer side: 13 by 20.
    found = jitter(0.5)(images)[0]
    assert (found[:13, :20] == 200).all()
    assert (found[13:] == 0).all()
    assert (found[:, 20:] == 0).all()


def test_large_images_are_cropped_anywhere():
    images = np.arange(40, dtype="float32")[None, None, :, None]
    images = images.repeat(40, 1).repeat(64, 0)
    layer = jitter(2.0, seed=1)
    starts = layer(images)[:, 0, 0, 0] * 2
    assert starts.min() < 4
    assert starts.max() > 34


def test_crop_size_is_the_most_that_is_kept():
    inputs = sample(size=(32, 32))
    found = jitter(1.0, (20, 30), seed=1, **BOXES)(inputs)
    assert found["images"][:, :20, :30].any()
    assert not found["images"][:, 20:].any()
    assert not found["images"][:, :, 30:].any()
    # Boxes end where the picture does.
    boxes = found["bounding_boxes"]["boxes"]
    assert (boxes[..., 2] <= 30).all()
    assert (boxes[..., 3] <= 20).all()


def test_without_training_the_scale_is_one():
    images = np.full((1, 20, 30, 3), 200, "uint8")
    found = jitter(0.1)(images, training=False)[0]
    assert (found[:27] == 200).all()
    assert (found[27:] == 0).all()


def test_defect_12_interpolation_is_not_ignored():
    """Upstream resized bilinearly whatever it was told (defect 12)."""
    images = np.random.default_rng(0).integers(0, 2, (1, 20, 20, 3)) * 255
    images = images.astype("uint8")
    assert set(np.unique(jitter(1.0, interpolation="nearest")(images))) == {0, 255}
    assert len(np.unique(jitter(1.0)(images))) > 2


def test_defect_12_config_holds_a_string_and_the_seed_counts():
    """Upstream stored TensorFlow's enum, and dropped the seed (defect 12)."""
    layer = JitteredResize((40, 40), (0.5, 2.0), interpolation="nearest", seed=5)
    config = layer.get_config()
    assert (config["interpolation"], config["seed"]) == ("nearest", 5)
    images = sample()["images"]
    same = JitteredResize((40, 40), (0.5, 2.0), interpolation="nearest", seed=5)
    np.testing.assert_array_equal(layer(images), same(images))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"target_size": 4}, "target_size"),
        ({"scale_factor": 0.5}, "scale_factor"),
        ({"scale_factor": (0.0, 1.0)}, "scale_factor"),
        ({"crop_size": (50, 10)}, "crop_size"),
        ({"interpolation": "bicubic"}, "interpolation"),
    ],
)
def test_arguments_are_checked(options, name):
    with pytest.raises(ValueError, match=name):
        JitteredResize(**{"target_size": (40, 40), "scale_factor": (0.5, 2), **options})
