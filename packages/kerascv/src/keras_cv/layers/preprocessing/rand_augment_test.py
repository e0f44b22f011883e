"""RandAugment draws, one layer after another, and keeps to its strength."""

import inspect

import keras
import numpy as np
import pytest

from domain_core.arrays.operations import map_leaves
from keras_cv.layers.preprocessing import RandAugment, RandomAugmentationPipeline
from keras_cv.layers.preprocessing.cases_test import BOXES, sample

INPUTS = sample()
IMAGES = INPUTS["images"]


def drawn(count=2000, **options):
    """Returns what is drawn for many images."""
    images = np.zeros((count, 2, 2, 3), "uint8")
    return RandAugment(seed=0, **options)(images, return_parameters=True)[1]


def test_layers_are_drawn_as_often_as_told():
    choice = drawn()["choice"]
    assert choice.shape == (2000, 3)
    assert abs((choice >= 0).mean() - 10 / 11) < 0.02
    shares = np.bincount(choice[choice >= 0], minlength=10) / (choice >= 0).sum()
    assert np.abs(shares - 0.1).max() < 0.02
    # Those of an image, and the strengths of its layers, do not hang together.
    assert abs(np.corrcoef(choice.T)[0, 1]) < 0.05


def test_strength_is_that_of_the_magnitude():
    parameters = drawn(magnitude=0.3, magnitude_stddev=0.1)
    for step in range(3):
        factor = parameters["3"]["factor"][:, step]
        assert abs(factor.mean() - 0.3) < 0.01
        assert abs(factor.std() - 0.1) < 0.01
        threshold = parameters["2"]["threshold"][:, step]
        assert abs(threshold.mean() - 255 * 0.7) < 3
        assert np.abs(parameters["5"]["factor"][:, step]).max() <= 0.3
    first, second = (parameters["3"]["factor"][:, step] for step in range(2))
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.05


def test_steps_follow_each_other():
    layer = RandAugment(seed=4, **BOXES)
    expected, parameters = layer(INPUTS, return_parameters=True)
    found = INPUTS
    for step in range(3):
        one = RandAugment(augmentations_per_image=1, **BOXES)
        mine = map_leaves(lambda x, step=step: x[:, step : step + 1], parameters)
        found = one(found, parameters=mine)
    np.testing.assert_array_equal(found["images"], expected["images"])
    for key, value in expected["bounding_boxes"].items():
        np.testing.assert_array_equal(found["bounding_boxes"][key], value)


def test_colors_alone_leave_everything_where_it_is():
    outputs = RandAugment(geometric=False, seed=0)(INPUTS)
    assert (outputs["images"] != IMAGES).any()
    for key in ("bounding_boxes", "segmentation_masks", "keypoints"):
        for a, b in zip(
            keras.tree.flatten(outputs[key]),
            keras.tree.flatten(INPUTS[key]),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)


def test_boxes_need_a_format_even_if_nothing_is_moved():
    with pytest.raises(ValueError, match="RandAugment received bounding boxes"):
        RandAugment(rate=0.0)(INPUTS)


def test_the_value_range_is_that_of_the_images():
    images = IMAGES.astype("float32")
    expected, parameters = RandAugment(seed=0)(images, return_parameters=True)
    found = RandAugment((0, 1))(images / 255, parameters=parameters)
    # Equalization has levels, between which floats fall.
    np.testing.assert_allclose(found * 255, expected, atol=1.5)


def test_the_list_is_for_pipelines_too():
    layers = RandAugment.get_standard_policy((0, 255), 0.5, 0.1, seed=1, **BOXES)
    assert len(layers) == 10
    assert len(RandAugment.get_standard_policy((0, 255), 0.5, 0.1, False)) == 6
    pipeline = RandomAugmentationPipeline(layers, 2, seed=0)
    assert pipeline(INPUTS)["images"].shape == IMAGES.shape


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"magnitude": 1.5}, "magnitude"),
        ({"magnitude_stddev": -0.1}, "magnitude_stddev"),
        ({"rate": 2}, "rate"),
        ({"augmentations_per_image": 0}, "augmentations_per_image"),
        ({"value_range": (1, 0)}, "value_range"),
        ({"bounding_box_format": "abcd"}, "abcd"),
    ],
)
def test_arguments_are_checked(options, name):
    assert set(options) <= set(inspect.signature(RandAugment).parameters)
    with pytest.raises(ValueError, match=name):
        RandAugment(**options)
