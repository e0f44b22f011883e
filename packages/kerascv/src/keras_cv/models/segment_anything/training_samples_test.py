"""Batches of raw images, prompts and true masks become arrays."""

import cv2
import numpy as np
import pytest

from domain_core.images import ImageConverter
from keras_cv.models import SegmentAnythingPreprocessor

# The model's images, and its masks: an eighth, as if its embedding were 1 / 32.
SIZE, LOW = (64, 96), (8, 12)
DRAW = np.random.default_rng(0)


@pytest.fixture(scope="module")
def preprocessor():
    converter = ImageConverter(
        SIZE,
        crop_to_aspect_ratio=False,
        pad_to_aspect_ratio=True,
        pad_position="top_left",
    )
    return SegmentAnythingPreprocessor(converter)


def image(height, width):
    return DRAW.integers(0, 256, (height, width, 3)).astype("uint8")


def masks(number, height, width):
    return DRAW.uniform(size=(number, height, width)) < 0.5


def sets():
    """Three images of three sizes, with 3, 1 and 0 objects; and the masks of these."""
    x = {
        "images": [image(32, 20), image(128, 96), image(9, 9)],
        "points": [[[[1, 2]], [[3, 4], [5, 6], [7, 8]], [[9, 9]]], [40, 60], []],
        "labels": [[[0], [1, 1, 0], [-1]], [1], []],
        "boxes": [[[0, 0, 9, 9], [-1] * 4, [4, 4, 20, 32]], None, np.zeros((0, 4))],
    }
    return x, [masks(3, 32, 20), masks(1, 128, 96)[0], masks(0, 9, 9)]


def test_sets_of_different_numbers(preprocessor):
    x, y = sets()
    inputs, low, weights = preprocessor.samples(x, y, [1.0, 0.5, 1.0], mask_size=LOW)
    shapes = {key: array.shape for key, array in inputs.items()}
    assert shapes == {
        "images": (3, *SIZE, 3),
        "points": (3, 4, 4, 2),
        "labels": (3, 4, 4),
        "boxes": (3, 4, 1, 2, 2),
    }
    assert low.shape == (3, 4, *LOW) and low.dtype == np.uint8
    np.testing.assert_array_equal(weights, [[1, 1, 1, 0], [0.5, 0, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(
        inputs["labels"][0],
        [[0, -1, -1, -1], [1, 1, 0, -1], [-1, -1, -1, -1], [-1, -1, -1, -1]],
    )
    # The first image is twice as large to the model.
    np.testing.assert_array_equal(inputs["points"][0, 1, 2], [14, 16])
    np.testing.assert_array_equal(
        inputs["boxes"][0, :, 0].reshape(4, 4),
        [[0, 0, 18, 18], [-1] * 4, [8, 8, 40, 64], [-1] * 4],
    )
    assert (inputs["boxes"][1:] == -1).all() and (inputs["labels"][2] == -1).all()
    assert (low[1, 1:] == 0).all() and (low[2] == 0).all()


def test_dense_arrays_are_as_lists(preprocessor):
    """Of a dataset, where what is missing is -1."""
    x, y = sets()
    size = (32, 20)
    lists = {
        "images": [image(*size), image(*size)],
        "boxes": [x["boxes"][0], [[1, 1, 9, 9]]],
    }
    true = [y[0], masks(1, *size)]
    lists["boxes"][0][1] = [3, 3, 9, 9]
    boxes = np.full((2, 3, 4), -1.0)
    boxes[0], boxes[1, 0] = lists["boxes"][0], lists["boxes"][1][0]
    dense = {
        "images": np.stack(lists["images"]),
        "boxes": boxes,
        "points": np.full((2, 3, 1, 2), -1),
        "labels": np.full((2, 3, 1), -1),
    }
    padded = np.zeros((2, 3, *size), bool)
    padded[0], padded[1, 0] = true[0], true[1][0]
    expected = preprocessor.samples(lists, true, mask_size=LOW)
    found = preprocessor.samples(dense, padded, mask_size=LOW)
    for key, array in expected[0].items():
        np.testing.assert_array_equal(found[0][key], array)
    np.testing.assert_array_equal(found[1], expected[1])
    np.testing.assert_array_equal(found[2], expected[2])


def test_masks_lie_where_the_image_lies(preprocessor):
    """Area by area: what OpenCV makes of them where all is even, and at odd sizes."""
    even = masks(2, 128, 96)  # half as large to the model, 64 x 48
    _, low, _ = preprocessor.samples(
        {"images": [image(128, 96)], "boxes": [[[0, 0, 9, 9]] * 2]},
        [even.astype("float64")],
        mask_size=LOW,
    )
    for found, mask in zip(low[0], even, strict=True):
        mean = cv2.resize(mask.astype("float32"), (6, 8), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(found[:, :6], mean >= 0.5)
        assert (found[:, 6:] == 0).all()
    # 7 x 11 pixels become 61 x 96 of the model's, and 7.625 x 12 of the masks.
    whole = np.ones((7, 11), "uint8")
    part = whole.copy()
    part[:, 6:] = 0  # 6 / 11 of 12 columns are 6.5
    _, low, _ = preprocessor.samples(
        {"images": [image(7, 11)], "points": [[[[1, 1]]] * 2]},
        [[whole, part]],
        mask_size=LOW,
    )
    assert (low[0, 0] == 1).all()  # the last row by 5 / 8
    np.testing.assert_array_equal(low[0, 1].any(axis=0), np.arange(12) < 7)


def test_embeddings_instead_of_images(preprocessor):
    x, y = sets()
    _, placements = preprocessor.convert(x["images"])
    embeddings = DRAW.normal(size=(3, 2, 3, 8)).astype("float32")
    expected = preprocessor.samples(x, y, mask_size=LOW)
    del x["images"]
    found = preprocessor.samples(
        {**x, "image_embeddings": embeddings, "placements": placements},
        y,
        mask_size=LOW,
    )
    np.testing.assert_array_equal(found[0]["image_embeddings"], embeddings)
    np.testing.assert_array_equal(found[0]["points"], expected[0]["points"])
    np.testing.assert_array_equal(found[1], expected[1])


def test_masks_as_prompts(preprocessor):
    low = DRAW.normal(size=(2, *LOW)).astype("float32")
    x = {"images": [image(9, 9)] * 2, "masks": [low, low[0]]}
    inputs, _, _ = preprocessor.samples(x, mask_size=LOW)
    assert inputs["masks"].shape == (2, 2, 1, *LOW, 1)
    np.testing.assert_array_equal(inputs["masks"][0, :, 0, ..., 0], low)
    np.testing.assert_array_equal(inputs["masks"][1, 1], 0)
    x = {**x, "masks": [low, None], "points": [None, [1, 1]]}
    inputs, _, _ = preprocessor.samples(x, mask_size=LOW)
    np.testing.assert_array_equal(inputs["has_masks"], [[True, True], [False] * 2])


@pytest.mark.parametrize(
    ("true", "message"),
    [
        (masks(1, 30, 40), r"each of 2 sets of prompts, .* \(1, 30, 40\)"),
        (masks(2, 40, 30), r"\(2, 30, 40\), received \(2, 40, 30\)"),
        (masks(2, 30, 40)[0], r"each of 2 sets"),
        (255 * masks(2, 30, 40).astype("uint8"), "masks > 0"),
        (masks(2, 30, 40) * np.nan, r"numbers in \[0, 1\]"),
        (-1.0 * masks(2, 30, 40), "received -1 to"),
        ([masks(1, 30, 40)[0], masks(1, 9, 9)[0]], "of one size"),
        (["a", "b"], "bools or numbers"),
    ],
)
def test_bad_masks(preprocessor, true, message):
    x = {"images": [image(30, 40)], "boxes": [[[1, 1, 9, 9]] * 2]}
    with pytest.raises(ValueError, match=message):
        preprocessor.samples(x, [true], mask_size=LOW)


BOX = {"boxes": [[1, 1, 9, 9]]}


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        ([image(9, 9)], {}, "a dict with .images"),
        (BOX, {}, "received .'boxes'"),
        ({**BOX, "images": [image(9, 9)], "box": []}, {}, "Rename or drop"),
        ({**BOX, "images": [image(9, 9)] * 2}, {}, "boxes for each of 2 images"),
        ({"images": [image(9, 9)], "boxes": [None]}, {}, "received none"),
        ({"images": [image(9, 9)], "boxes": [[9, 1, 1, 9]]}, {}, "of image 0"),
        ({**BOX, "images": [image(9, 9)]}, {"y": []}, "true masks for each of 1"),
        (
            {**BOX, "images": [image(9, 9)]},
            {"y": masks(1, 9, 9), "sample_weight": [[1.0, 1.0]]},
            "a weight for each of 1 images",
        ),
    ],
)
def test_bad_samples(preprocessor, x, options, message):
    with pytest.raises(ValueError, match=message):
        preprocessor.samples(x, **options, mask_size=LOW)
