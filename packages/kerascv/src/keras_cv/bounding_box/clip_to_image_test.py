import keras
import numpy as np
import pytest

from keras_cv.backend_functions_test import compiled, gradients, tensors
from keras_cv.bounding_box import clip_to_image, convert_format
from keras_cv.bounding_box.formats import FORMATS

SHAPE = (40, 100, 3)
# Inside; over two borders; outside; padding; no area; not a number; all of the image.
BOXES = np.array(
    [
        [10, 10, 30, 30],
        [-10, -10, 10, 30],
        [101, 5, 120, 9],
        [-1, -1, -1, -1],
        [5, 5, 5, 9],
        [np.nan, 0, 5, 5],
        [-9, -9, 500, 500],
    ],
    "float32",
)
CLASSES = np.array([0, 1, 2, -1, 4, 5, 6])
CLIPPED = np.array(
    [[10, 10, 30, 30], [0, 0, 10, 30], *[[-1] * 4] * 4, [0, 0, 100, 40]], "float32"
)
LEFT = [0, 1, -1, -1, -1, -1, 6]


def sample():
    confidence = np.linspace(0.1, 0.7, 7).astype("float32")
    return {"boxes": BOXES, "classes": CLASSES, "confidence": confidence, "id": 3}


def in_format(boxes, format_name):
    return convert_format(boxes, "xyxy", format_name, image_shape=SHAPE)


@pytest.mark.parametrize("format_name", FORMATS)
def test_golden_boxes_in_all_formats(format_name):
    boxes = sample()
    boxes["boxes"] = in_format(BOXES, format_name)
    found = clip_to_image(boxes, format_name, image_shape=SHAPE)
    expected = in_format(CLIPPED, format_name)
    np.testing.assert_allclose(found["boxes"], expected, atol=1e-5)
    assert found["classes"].tolist() == LEFT
    assert found["classes"].dtype == CLASSES.dtype
    # What says how sure the detector was of nothing is padding too.
    np.testing.assert_array_equal(found["confidence"] == -1, np.equal(LEFT, -1))
    assert found["id"] == 3
    if format_name.startswith("rel_"):
        again = clip_to_image(boxes, format_name)
        np.testing.assert_array_equal(found["boxes"], again["boxes"])


def test_agrees_with_keras():
    boxes = sample()
    (boxes["boxes"],) = tensors(BOXES[:5])
    boxes["classes"] = keras.ops.convert_to_tensor(CLASSES[:5].astype("float32"))
    del boxes["confidence"], boxes["id"]
    expected = keras.utils.bounding_boxes.clip_to_image_size(
        dict(boxes), height=40, width=100, bounding_box_format="xyxy"
    )
    found = clip_to_image(boxes, "xyxy", image_shape=SHAPE)
    assert type(found["boxes"]) is type(boxes["boxes"])
    found, expected = (
        keras.ops.convert_to_numpy(x["boxes"]) for x in (found, expected)
    )
    # What Keras does with those of which nothing is left depends on the backend.
    np.testing.assert_allclose(found[:2], expected[:2], atol=1e-5)


def test_images_of_different_sizes():
    boxes = np.broadcast_to(BOXES[:2], (2, 2, 4))
    images = [np.zeros((40, 100, 3)), np.zeros((20, 20, 3))]
    found = clip_to_image(boxes, "xyxy", images=images)
    np.testing.assert_array_equal(found[0], CLIPPED[:2])
    np.testing.assert_array_equal(found[1], [[10, 10, 20, 20], [0, 0, 10, 20]])


def test_one_hot_classes():
    boxes = {"boxes": BOXES[:3], "classes": np.eye(3)}
    found = clip_to_image(boxes, "xyxy", image_shape=SHAPE)
    assert found["classes"].tolist() == [[1, 0, 0], [0, 1, 0], [-1, -1, -1]]


def test_unsigned_classes_can_become_padding():
    boxes = {"boxes": BOXES, "classes": np.array([0, 1, 2, 255, 4, 5, 6], "uint8")}
    found = clip_to_image(boxes, "xyxy", image_shape=SHAPE)
    assert found["classes"].tolist() == LEFT


class TestOutside:
    @pytest.mark.parametrize(
        "share,kept", [(1.0, [0]), (0.4, [0]), (0.37, [0, 1]), (0.0, [0, 1, 6])]
    )
    def test_drop(self, share, kept):
        # Of the second box 3/8 are inside, of the last 1.5 percent.
        boxes = {"boxes": BOXES, "classes": CLASSES}
        found = clip_to_image(
            boxes, "xyxy", image_shape=SHAPE, outside="drop", min_visible_area=share
        )
        is_kept = np.isin(np.arange(7), kept)
        np.testing.assert_array_equal(found["classes"] >= 0, is_kept)
        np.testing.assert_array_equal(found["boxes"][is_kept], CLIPPED[is_kept])
        assert (found["boxes"][~is_kept] == -1).all()

    @pytest.mark.parametrize("format_name", FORMATS)
    def test_drop_keeps_what_touches_the_border(self, format_name):
        boxes = in_format(
            [[70, 10, 100, 40], [0, 0, 30, 7], [33, 3, 99, 40]], format_name
        )
        found = clip_to_image(boxes, format_name, image_shape=SHAPE, outside="drop")
        np.testing.assert_allclose(found, boxes, rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("index", [1, 2, 5, 6])
    def test_raise(self, index):
        boxes = {"boxes": BOXES[[0, 3, 4, index]], "classes": CLASSES[[0, 3, 4, index]]}
        with pytest.raises(ValueError, match="all boxes inside"):
            clip_to_image(boxes, "xyxy", image_shape=SHAPE, outside="raise")

    @pytest.mark.parametrize("format_name", FORMATS)
    def test_raise_lets_pass_what_is_inside(self, format_name):
        boxes = [[70, 10, 100, 40], [0, 0, 30, 7], [-1] * 4]
        boxes = in_format(boxes, format_name)
        found = clip_to_image(boxes, format_name, image_shape=SHAPE, outside="raise")
        np.testing.assert_allclose(found, boxes, rtol=1e-5, atol=1e-6)

    def test_raise_needs_values(self):
        boxes = keras.KerasTensor((3, 4))
        with pytest.raises(ValueError, match='"clip" or "drop"'):
            clip_to_image(boxes, "xyxy", image_shape=SHAPE, outside="raise")


@pytest.mark.backends
def test_compiled_on_the_backend():
    def clip(boxes, classes):
        found = clip_to_image(
            {"boxes": boxes, "classes": classes}, "xyxy", image_shape=SHAPE
        )
        return found["boxes"], found["classes"]

    found = compiled(clip)(*tensors(BOXES, CLASSES))
    for ours, expected in zip(found, (CLIPPED, LEFT), strict=True):
        np.testing.assert_array_equal(keras.ops.convert_to_numpy(ours), expected)


@pytest.mark.backends
def test_gradients_are_finite():
    (found,) = gradients(
        lambda x: clip_to_image(x, "xyxy", image_shape=SHAPE), np.delete(BOXES, 5, 0)
    )
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[0], np.ones(4))
    np.testing.assert_array_equal(found[1], [0, 0, 1, 1])


def test_ragged_boxes_come_back_without_those_outside():
    boxes = {"boxes": [BOXES, BOXES[:1]], "classes": [CLASSES, CLASSES[:1]]}
    found = clip_to_image(boxes, "xyxy", image_shape=SHAPE)
    assert [x.tolist() for x in found["classes"]] == [[0, 1, 6], [0]]
    np.testing.assert_array_equal(found["boxes"][0], CLIPPED[[0, 1, 6]])


def test_ragged_tensors_in_tf_data_with_dynamic_images():
    tf = pytest.importorskip("tensorflow")
    boxes = {
        "boxes": tf.ragged.stack([BOXES, BOXES[:1]]),
        "classes": tf.ragged.stack([CLASSES, CLASSES[:1]]),
    }
    images = tf.zeros((2, 40, 100, 3))
    dataset = tf.data.Dataset.from_tensors((images, boxes))

    def clip(images, boxes):
        images = tf.ensure_shape(
            images[:, : tf.shape(images)[1]], (None, None, None, 3)
        )
        return clip_to_image(boxes, "xyxy", images=images)

    (found,) = dataset.map(clip)
    assert found["classes"].to_list() == [[0, 1, 6], [0]]
    np.testing.assert_array_equal(found["boxes"][0], CLIPPED[[0, 1, 6]])


@pytest.mark.parametrize(
    "options,message",
    [
        ({}, "in pixels; received neither"),
        ({"image_shape": SHAPE, "outside": "cut"}, "`outside` to be one of"),
        ({"image_shape": SHAPE, "min_visible_area": 2}, "`min_visible_area`"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(ValueError, match=message):
        clip_to_image(sample(), "xyxy", **options)
