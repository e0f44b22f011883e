import numpy as np
import pytest

from domain_core.images import ImageConverter
from keras_cv.models import SegmentAnythingPreprocessor

DRAW = np.random.default_rng(0)
FIT = {"crop_to_aspect_ratio": False, "pad_to_aspect_ratio": True}


def image(height, width):
    return DRAW.integers(0, 256, (height, width, 3)).astype("uint8")


@pytest.fixture
def preprocessor():
    return SegmentAnythingPreprocessor(
        ImageConverter((32, 64), pad_position="top_left", pad_value=[7, 8, 9], **FIT)
    )


def test_images_keep_their_shape(preprocessor):
    images = [image(32, 16), image(16, 64)]
    pixels, placements = preprocessor.convert(images)
    np.testing.assert_array_equal(pixels[0, :, :16], images[0])
    np.testing.assert_array_equal(pixels[1, :16], images[1])
    np.testing.assert_array_equal(pixels[0, :, 16:], np.full((32, 48, 3), [7, 8, 9]))
    np.testing.assert_array_equal(placements[:, :4], [[1, 1, 0, 0]] * 2)
    np.testing.assert_array_equal(placements[:, 4:], [[32, 16], [16, 64]])
    np.testing.assert_array_equal(preprocessor(images), pixels)


def test_prompts_stay_on_what_they_point_at(preprocessor):
    """A white rectangle is found at the box again; points are the box's corners."""
    images, boxes = [], [[4, 8, 12, 60], [10, 4, 30, 12]]
    for (height, width), (left, top, right, bottom) in zip(
        ((64, 16), (16, 32)), boxes, strict=True
    ):
        array = np.zeros((height, width, 3), "uint8")
        array[top:bottom, left:right] = 255
        images.append(array)
    points = np.array(boxes, "float32").reshape(2, 2, 2)
    inputs = preprocessor(
        {"images": images, "points": [*points], "boxes": [boxes[0], [boxes[1]]]}
    )
    found_points = inputs["points"][:, :, :2]
    # Two of four are padding.
    np.testing.assert_array_equal(inputs["labels"], [[[1, 1, -1, -1]]] * 2)
    for pixels, moved in zip(inputs["images"], found_points, strict=True):
        rows, columns = np.nonzero(pixels[..., 0] > 127)
        found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        np.testing.assert_allclose(moved.reshape(4), found, atol=1)
    np.testing.assert_array_equal(inputs["boxes"], found_points[:, :, None])


def test_the_size_of_published_models():
    pixels = SegmentAnythingPreprocessor()([image(10, 20)])
    assert pixels.shape == (1, 1024, 1024, 3)
    mean = np.array([0.485, 0.456, 0.406])
    np.testing.assert_allclose(pixels[0, 512:] / 255 - mean, 0, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        {"scale": 1 / 255, "mean": [0.1, 0.2, 0.3], "std": 0.5, "crop_ratio": 0.8},
        {"mean": 3, "channels": 1},
        {"scale": 1 / 255, "crop_first": True},
        {"channels": 4},
    ],
)
def test_one_that_crops_fills_up_instead(options):
    """With what is 0 once normalized, here or by a backbone that does it."""
    preprocessor = SegmentAnythingPreprocessor(ImageConverter((16, 32), **options))
    channels = options.get("channels", 3)
    white = np.full((8, 32, channels), 255, "uint8")
    pixels = preprocessor([white])
    expected = ImageConverter((8, 32), **options)(white)
    np.testing.assert_allclose(pixels[0, :8], expected, atol=1e-6)
    mean = 0.0
    if "mean" not in options and channels == 3:
        mean = np.array([0.485, 0.456, 0.406])
    np.testing.assert_allclose(pixels[0, 8:] - mean, 0, atol=1e-6)


def test_config(preprocessor):
    again = SegmentAnythingPreprocessor.from_config(preprocessor.get_config())
    assert again.get_config() == preprocessor.get_config()
    given = [image(9, 9)]
    np.testing.assert_array_equal(again(given), preprocessor(given))


@pytest.mark.parametrize(
    ("converter", "x", "message"),
    [
        (5, None, "an ImageConverter or None, received 5"),
        (ImageConverter(8, **FIT), {"images": []}, "empty"),
        (
            ImageConverter(8, **FIT),
            {"images": [image(8, 8)], "points": [[1, 2], [3, 4]]},
            "points for each of 1 images, received 2",
        ),
    ],
)
def test_bad_input(converter, x, message):
    with pytest.raises(ValueError, match=message):
        SegmentAnythingPreprocessor(converter)(x)
