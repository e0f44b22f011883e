"""Which way translation, zoom, rotation and perspective go, and what is left."""

import math

import keras
import numpy as np
import pytest

from keras_cv.core import ConstantFactorSampler as Constant
from keras_cv.layers.preprocessing import (
    RandomAspectRatio,
    RandomPerspective,
    RandomRotation,
    RandomShear,
    RandomTranslation,
    RandomZoom,
)
from keras_cv.layers.preprocessing.cases_test import BOXES, sample


def test_translation_goes_down_and_to_the_right():
    images = sample(size=(30, 40))["images"]
    layer = RandomTranslation(Constant(0.1), Constant(0.25), "constant", fill_value=7)
    found = layer(images)
    np.testing.assert_array_equal(found[:, 3:, 10:], images[:, :-3, :-10])
    assert (found[:, :3] == 7).all()
    assert (found[:, :, :10] == 7).all()


@pytest.mark.parametrize("mode", ["reflect", "nearest", "wrap"])
def test_translation_fills_like_numpy(mode):
    images = sample(size=(30, 40))["images"]
    found = RandomTranslation(Constant(0.1), Constant(-0.25), mode)(images)
    pad = {"reflect": "symmetric", "nearest": "edge", "wrap": "wrap"}[mode]
    padded = np.pad(images, ((0, 0), (3, 0), (0, 10), (0, 0)), pad)
    np.testing.assert_array_equal(found, padded[:, :30, 10:])


@pytest.mark.parametrize("factor", [-0.5, 0.5, 1.0])
def test_zoom_sees_a_part_or_more(factor):
    inputs = sample("float32", size=(32, 40))
    layer = RandomZoom(Constant(factor), fill_mode="constant", **BOXES)
    found = layer(inputs)
    oracle = keras.layers.RandomZoom((factor, factor), fill_mode="constant")
    expected = keras.ops.convert_to_numpy(oracle(inputs["images"], training=True))
    inner = (slice(None), slice(8, 24), slice(10, 30))
    np.testing.assert_allclose(found["images"][inner], expected[inner], atol=0.05)
    corner = np.array([20, 16, 20, 16])
    boxes = (inputs["bounding_boxes"]["boxes"] - corner) / (1 + factor) + corner
    boxes = np.clip(boxes, 0, [40, 32, 40, 32])
    kept = found["bounding_boxes"]["classes"] >= 0
    assert kept.any()
    np.testing.assert_allclose(
        found["bounding_boxes"]["boxes"][kept], boxes[kept], atol=1e-3
    )


def test_zoom_keeps_the_aspect_ratio_unless_told():
    _, drawn = RandomZoom(0.5, seed=1)(sample()["images"], return_parameters=True)
    np.testing.assert_array_equal(drawn["height"], drawn["width"])
    layer = RandomZoom(0.5, (0.0, 0.5), seed=1)
    _, drawn = layer(sample()["images"], return_parameters=True)
    assert (drawn["height"] != drawn["width"]).all()


def test_zoom_takes_pairs_in_either_order():
    """ "20 to 30 % in" is (-0.2, -0.3) in Keras' and KerasCV's documentation."""
    images = sample()["images"]
    first, second = (
        RandomZoom(pair, pair, seed=1)(images, return_parameters=True)
        for pair in ((-0.2, -0.3), (-0.3, -0.2))
    )
    np.testing.assert_array_equal(first[0], second[0])
    assert ((first[1]["height"] >= -0.3) & (first[1]["height"] < -0.2)).all()


def test_zoom_into_nothing_stays_finite():
    images = sample("float32")["images"]
    assert np.isfinite(RandomZoom(Constant(-1.0))(images)).all()


def test_defect_18_boxes_turn_about_the_point_that_pixels_turn_about():
    """Upstream's differ by half a pixel (defect 18)."""
    images = np.zeros((1, 21, 21, 1), "uint8")
    images[0, 4:7, 12:18] = 255
    boxes = np.array([[[12.0, 4, 18, 7]]], "float32")
    inputs = {
        "images": images,
        "bounding_boxes": {"boxes": boxes, "classes": np.zeros((1, 1), "float32")},
    }
    found = RandomRotation(Constant(0.25), **BOXES)(inputs)
    y, x = np.nonzero(found["images"][0, ..., 0] > 127)
    box = [x.min(), y.min(), x.max() + 1, y.max() + 1]
    assert box == [4, 3, 7, 9]  # a quarter turn counter-clockwise
    np.testing.assert_allclose(found["bounding_boxes"]["boxes"][0, 0], box, atol=1e-3)


def test_perspective_moves_corners_inwards():
    points = np.array([[0, 0], [40, 0], [40, 32], [0, 32]], "float32")
    inputs = {"images": sample()["images"], "keypoints": np.stack([points] * 4)}
    outputs, drawn = RandomPerspective(seed=1)(inputs, return_parameters=True)
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]])
    shifts = drawn["shifts"].reshape(4, 4, 2) * inwards * [40, 32]
    assert (np.abs(shifts) <= [10, 8]).all()
    np.testing.assert_allclose(outputs["keypoints"], points + shifts, atol=1e-2)


def test_perspective_of_the_largest_shifts_has_no_horizon():
    images = np.full((1, 32, 40, 3), 255, "uint8")
    shifts = np.array([np.binary_repr(i, 8) for i in range(256)])
    shifts = np.array([[int(c) / 4 for c in row] for row in shifts], "float32")
    layer = RandomPerspective()
    found = layer(images.repeat(256, 0), parameters={"shifts": shifts})
    share = (found[..., 0] == 255).mean(axis=(1, 2))
    assert (share > 0.15).all()
    assert share[0] == 1


def test_perspective_happens_as_often_as_told():
    images = sample(batch=64)["images"]
    found = RandomPerspective(0.25, seed=1)(images)
    changed = (found != images).any(axis=(1, 2, 3)).mean()
    assert 0.1 < changed < 0.4


def test_aspect_ratio_changes_the_sizes():
    inputs = sample(size=(30, 40))
    layer = RandomAspectRatio(Constant(1.25), **BOXES)
    found = layer(inputs)
    assert found["images"].shape == (4, 24, 50, 3)
    assert found["segmentation_masks"].shape == (4, 24, 50, 1)
    is_box = inputs["bounding_boxes"]["classes"] >= 0
    np.testing.assert_allclose(
        found["bounding_boxes"]["boxes"][is_box],
        inputs["bounding_boxes"]["boxes"][is_box] * [1.25, 0.8, 1.25, 0.8],
        atol=1e-3,
    )
    np.testing.assert_array_equal(
        layer(inputs["images"], training=False), inputs["images"]
    )


@pytest.mark.parametrize("channels", [1, 5])
def test_any_number_of_channels(channels):
    images = sample(channels=channels)["images"]
    for layer in (RandomRotation(0.1, seed=1), RandomZoom(0.3, seed=1)):
        found, parameters = layer(images, return_parameters=True)
        tensors = layer(keras.ops.convert_to_tensor(images), parameters=parameters)
        tensors = keras.ops.convert_to_numpy(tensors)
        assert np.abs(found.astype(int) - tensors).max() <= 1


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: RandomTranslation(1.5, 0.1), "height_factor"),
        (lambda: RandomZoom((-1.5, 0.1)), "height_factor"),
        (lambda: RandomZoom(0.1, (0.4, -1.1)), "width_factor"),
        (lambda: RandomPerspective(1.5), "factor"),
        (lambda: RandomPerspective(scale=2), "scale"),
        (lambda: RandomAspectRatio(1.5), "factor"),
        (lambda: RandomAspectRatio((0.0, 1.5)), "factor"),
        (lambda: RandomTranslation(0.1, 0.1, "mirror"), "fill_mode"),
    ],
)
def test_arguments_are_checked(make, name):
    with pytest.raises(ValueError, match=name):
        make()


def shifted(line, offset, fill_mode):
    """Returns a line `(N, C)` that is read further on, by NumPy's padding."""
    pads = ((2 * len(line), 2 * len(line)), (0, 0))
    mode = {"reflect": "symmetric", "nearest": "edge"}.get(fill_mode, fill_mode)
    padded = np.pad(line, pads, mode=mode)
    first = math.floor(offset)
    here, there = (
        padded[2 * len(line) + first + step :][: len(line)] for step in range(2)
    )
    return here + (offset - first) * (there - here)


@pytest.mark.parametrize("fill_mode", ["reflect", "constant", "wrap", "nearest"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("axis", [0, 1])
def test_moves_along_one_axis(axis, channels, fill_mode):
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (2, 12, 12, channels)).astype("float32")
    offsets = np.array([0.3, -0.71], "float32")
    turned = np.swapaxes(images, 1, 2) if axis == 0 else images  # lines are rows
    tensors = keras.ops.convert_to_tensor(images)

    def check(found, expected):
        found = keras.ops.convert_to_numpy(found)
        expected = np.swapaxes(expected, 1, 2) if axis == 0 else expected
        # Offsets are computed in float32, and pixels differ by up to 255.
        np.testing.assert_allclose(found, expected, atol=2e-2)

    factors = {"height_factor": 0.0, "width_factor": 0.0}
    factors["height_factor" if axis == 0 else "width_factor"] = 1.0
    layer = RandomTranslation(**factors, fill_mode=fill_mode)
    drawn = {"height": 0 * offsets, "width": 0 * offsets}
    drawn["height" if axis == 0 else "width"] = offsets
    expected = np.stack(
        [
            [shifted(line, -12 * offset, fill_mode) for line in image]
            for image, offset in zip(turned, offsets, strict=True)
        ]
    )
    check(layer(images, parameters=drawn), expected)
    check(layer(tensors, parameters=drawn), expected)

    name = "y" if axis == 0 else "x"
    layer = RandomShear(**{f"{name}_factor": 1.0}, fill_mode=fill_mode)
    drawn = {"x": 0 * offsets, "y": 0 * offsets, name: offsets}
    expected = np.stack(
        [
            [shifted(line, row * offset, fill_mode) for row, line in enumerate(image)]
            for image, offset in zip(turned, offsets, strict=True)
        ]
    )
    check(layer(tensors, parameters=drawn), expected)
