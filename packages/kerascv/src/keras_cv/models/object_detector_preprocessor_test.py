import numpy as np
import pytest

import keras_cv
from domain_core.images import ImageConverter
from keras_cv.models import ObjectDetectorPreprocessor

DRAW = np.random.default_rng(0)


def image(height, width, dtype="uint8"):
    return DRAW.integers(0, 256, (height, width, 3)).astype(dtype)


def boxes(*rows, classes=None):
    """Returns boxes of one image, and classes 0, 1, ..."""
    return np.array(rows, "float32").reshape(-1, 4), np.arange(len(rows))


def test_images_of_a_fitting_size_stay_as_they_are():
    images = np.stack([image(64, 96), image(64, 96)])
    pixels, placements = ObjectDetectorPreprocessor().convert(images)
    np.testing.assert_array_equal(pixels, images)
    np.testing.assert_array_equal(placements, [[1, 1, 0, 0, 64, 96]] * 2)


def test_images_of_many_sizes_keep_their_pixels():
    images = [image(30, 70), image(64, 20, "float32")]
    pixels = ObjectDetectorPreprocessor()(images)
    assert pixels.shape == (2, 64, 96, 3)
    for got, given in zip(pixels, images, strict=True):
        height, width, _ = given.shape
        np.testing.assert_array_equal(got[:height, :width], given)
        assert not got[height:].any() and not got[:, width:].any()


@pytest.mark.parametrize("format", ["xyxy", "yxyx", "center_xywh", "rel_xywh"])
def test_boxes_stay_on_what_they_are_around(format):
    """A white rectangle is found at the box again, whatever was done to the image."""
    images, labels = [], []
    for height, width, box in ((50, 100, (20, 10, 60, 40)), (80, 30, (4, 8, 20, 72))):
        array = np.zeros((height, width, 3), "uint8")
        left, top, right, bottom = box
        array[top:bottom, left:right] = 255
        images.append(array)
        labels.append(
            keras_cv.bounding_box.convert_format(
                np.array([box], "float32"), "xyxy", format, image_shape=array.shape
            )
        )
    preprocessor = ObjectDetectorPreprocessor(
        bounding_box_format=format, image_size=(160, 200)
    )
    given = {"boxes": labels, "classes": [[3], [1]]}
    pixels, moved = preprocessor(images, given)
    assert moved["classes"].shape == (2, 16) and moved["classes"][:, 0].tolist() == [
        3,
        1,
    ]
    corners = keras_cv.bounding_box.convert_format(
        moved["boxes"], format, "xyxy", image_shape=pixels.shape[1:]
    )
    for array, box in zip(pixels, corners[:, 0], strict=True):
        rows, columns = np.nonzero(array[..., 0] > 127)
        found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        np.testing.assert_allclose(box, found, atol=1.0)


def test_scale_and_mean_of_a_classifiers_converter_are_used_and_its_crop_is_not():
    classifier = ImageConverter((32, 32), scale=1 / 255, mean=[0.5] * 3, std=[0.25] * 3)
    given = np.stack([image(64, 96)])
    pixels = ObjectDetectorPreprocessor(classifier)(given)
    np.testing.assert_allclose(pixels, (given / 255 - 0.5) / 0.25, atol=1e-6)
    stretching = ImageConverter((32, 64), crop_to_aspect_ratio=False)
    assert ObjectDetectorPreprocessor(stretching)(given).shape == (1, 32, 64, 3)


def test_padding_comes_last_and_boxes_without_area_are_padding():
    given = {
        "boxes": np.array(
            [[[-1] * 4, [4, 4, 4, 9], [70, 0, 80, 9], [60, 2, 80, 9], [1, 2, 3, 4]]]
        ),
        "classes": np.array([[-1, 0, 1, 2, 3]]),
    }
    _, moved = ObjectDetectorPreprocessor()(np.zeros((1, 64, 64, 3)), given)
    assert moved["classes"][0, :3].tolist() == [2, 3, -1]
    np.testing.assert_array_equal(
        moved["boxes"][0, :3], [[60, 2, 64, 9], [1, 2, 3, 4], [-1] * 4]
    )


def test_number_of_rows():
    def count(boxes, **options):
        given = {"boxes": [[[0, 0, 5, 5]] * boxes], "classes": [[0] * boxes]}
        preprocessor = ObjectDetectorPreprocessor(**options)
        return preprocessor(np.zeros((1, 32, 32, 3)), given)[1]["boxes"].shape[1]

    assert [count(n) for n in (1, 16, 17, 40)] == [16, 16, 32, 64]
    assert count(9, max_boxes=4) == 4


def test_one_hot_classes_and_boxes_in_one_dict():
    x = {
        "images": np.zeros((1, 32, 32, 3)),
        "bounding_boxes": {
            "boxes": np.array([[[0, 0, 5, 5], [-1] * 4]]),
            "classes": np.array([[[0, 1, 0], [-1] * 3]]),
        },
    }
    _, moved = ObjectDetectorPreprocessor()(x)
    assert moved["classes"][0, :2].tolist() == [1, -1]


def test_config():
    preprocessor = ObjectDetectorPreprocessor(
        ImageConverter(64, scale=2), "xywh", max_boxes=3
    )
    again = ObjectDetectorPreprocessor.from_config(preprocessor.get_config())
    assert again.get_config() == preprocessor.get_config()
    given = np.stack([image(64, 96)])
    np.testing.assert_array_equal(again(given), preprocessor(given))


@pytest.mark.parametrize(
    "options, x, y, message",
    [
        ({"bounding_box_format": "xyz"}, None, None, "xyz"),
        ({"image_converter": 5}, None, None, "image_size"),
        ({"max_boxes": 0}, None, None, "max_boxes"),
        ({}, [], None, "empty"),
        ({}, np.zeros((32, 32, 3)), None, "single"),
        ({}, {"image": 1}, None, "images"),
        ({}, {"images": [1], "bounding_boxes": {}}, {}, "Drop one"),
        ({}, np.zeros((1, 9, 9, 3)), {"boxes": [[]]}, "classes"),
        (
            {},
            np.zeros((2, 9, 9, 3)),
            {"boxes": [[[0, 0, 1, 1]]], "classes": [[0]]},
            "2 images",
        ),
    ],
)
def test_bad_input(options, x, y, message):
    with pytest.raises(ValueError, match=message):
        ObjectDetectorPreprocessor(**options)(x, y)
