import itertools

import keras
import numpy as np
import pytest

from keras_cv.backend_functions_test import compiled, tensors
from keras_cv.bounding_box import (
    CENTER_XYWH,
    REL_YXYX,
    XYWH,
    XYXY,
    YXYX,
    as_relative,
    convert_format,
    is_relative,
)
from keras_cv.bounding_box.formats import FORMATS

HEIGHT, WIDTH = 1000, 500
SHAPE = (HEIGHT, WIDTH, 3)
GOLDEN = {
    "xyxy": [10, 20, 110, 120],
    "yxyx": [20, 10, 120, 110],
    "xywh": [10, 20, 100, 100],
    "center_xywh": [60, 70, 100, 100],
    "center_yxhw": [70, 60, 100, 100],
    "rel_xyxy": [0.02, 0.02, 0.22, 0.12],
    "rel_yxyx": [0.02, 0.02, 0.12, 0.22],
    "rel_xywh": [0.02, 0.02, 0.2, 0.1],
    "rel_center_xywh": [0.12, 0.07, 0.2, 0.1],
    "rel_center_yxhw": [0.07, 0.12, 0.1, 0.2],
}
KNOWN_TO_KERAS = (
    "xyxy",
    "yxyx",
    "xywh",
    "center_xywh",
    "center_yxhw",
    "rel_xyxy",
    "rel_xywh",
)
PAIRS = list(itertools.product(FORMATS, FORMATS))


def random_xyxy(*shape):
    rng = np.random.default_rng(0)
    first = rng.uniform(-50, 600, (*shape, 2))
    return np.concatenate([first, first + rng.uniform(0, 400, (*shape, 2))], -1)


def by_hand(box, target, height, width):
    """Converts one box of "xyxy" with nothing but arithmetic."""
    left, top, right, bottom = map(float, box)
    if target.startswith("rel_"):
        left, right, top, bottom = (
            left / width,
            right / width,
            top / height,
            bottom / height,
        )
    wide, high = right - left, bottom - top
    x, y = (left + right) / 2, (top + bottom) / 2
    return {
        "xyxy": [left, top, right, bottom],
        "yxyx": [top, left, bottom, right],
        "xywh": [left, top, wide, high],
        "center_xywh": [x, y, wide, high],
        "center_yxhw": [y, x, high, wide],
    }[target.removeprefix("rel_")]


def test_golden_facts_cover_all_formats():
    assert set(GOLDEN) == set(FORMATS)


@pytest.mark.parametrize("source,target", PAIRS)
def test_all_pairs_agree_with_golden_facts(source, target):
    boxes = np.array([GOLDEN[source], [-1] * 4])
    found = convert_format(boxes, source.upper(), target, image_shape=SHAPE)
    assert type(found) is np.ndarray
    assert found.dtype == "float32"
    np.testing.assert_allclose(found, [GOLDEN[target], [-1] * 4], rtol=1e-6)


@pytest.mark.parametrize("source,target", PAIRS)
def test_all_pairs_there_and_back(source, target):
    boxes = np.array(
        [by_hand(box, source, HEIGHT, WIDTH) for box in random_xyxy(50)], "float64"
    )
    boxes[::7] = -1
    there = convert_format(boxes, source, target, image_shape=SHAPE, dtype="float64")
    back = convert_format(there, target, source, image_shape=SHAPE, dtype="float64")
    np.testing.assert_allclose(back, boxes, rtol=1e-12, atol=1e-10)
    assert (there[::7] == -1).all()


@pytest.mark.parametrize("target", FORMATS)
def test_agrees_with_a_loop_on_images_of_different_sizes(target):
    sizes = [(100, 400), (37, 20)]
    boxes = random_xyxy(2, 5)
    expected = [
        [by_hand(box, target, *size) for box in row]
        for row, size in zip(boxes, sizes, strict=True)
    ]
    images = [np.zeros((*size, 3), "uint8") for size in sizes]
    shapes = np.array([(*size, 3) for size in sizes])
    for options in ({"images": images}, {"image_shape": shapes}):
        found = convert_format(boxes, "xyxy", target, **options)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "source,target", list(itertools.permutations(KNOWN_TO_KERAS, 2))
)
def test_agrees_with_keras(source, target):
    (boxes,) = tensors([by_hand(box, source, HEIGHT, WIDTH) for box in random_xyxy(20)])
    expected = keras.utils.bounding_boxes.convert_format(
        boxes, source, target, height=HEIGHT, width=WIDTH
    )
    found = convert_format(boxes, source, target, image_shape=SHAPE)
    assert type(found) is type(expected)
    np.testing.assert_allclose(
        *map(keras.ops.convert_to_numpy, (found, expected)), rtol=2e-5, atol=2e-5
    )


@pytest.mark.backends
def test_compiled_on_the_backend():
    boxes = random_xyxy(2, 5)
    boxes[1, 3:] = -1
    images = np.zeros((2, 40, 60, 3))
    expected = convert_format(boxes, "xyxy", "rel_center_yxhw", images=images)

    def convert(boxes, images):
        return convert_format(boxes, "xyxy", "rel_center_yxhw", images=images)

    found = compiled(convert)(*tensors(boxes, images))
    np.testing.assert_allclose(
        keras.ops.convert_to_numpy(found), expected, rtol=1e-5, atol=1e-6
    )


def test_symbolic_tensors_of_keras():
    boxes = keras.KerasTensor((None, 5, 4))
    found = convert_format(boxes, "xyxy", "rel_xywh", image_shape=SHAPE)
    assert tuple(found.shape) == (None, 5, 4)
    with pytest.raises(ValueError, match="known height .*image_shape"):
        convert_format(
            boxes, "xyxy", "rel_xywh", images=keras.KerasTensor((None, None, 8, 3))
        )


def test_padding_behind_pixels_of_zero_width_stays():
    boxes = [[-1.0] * 4, [3, 4, 3, 4]]
    found = convert_format(boxes, "xyxy", "center_xywh")
    assert found.tolist() == [[-1] * 4, [3, 4, 0, 0]]


def test_dict_is_copied():
    boxes = {"boxes": np.array([GOLDEN["xyxy"]]), "classes": np.array([3])}
    found = convert_format(boxes, "xyxy", "xywh")
    assert found["boxes"].tolist() == [GOLDEN["xywh"]]
    assert found["classes"] is boxes["classes"]
    assert boxes["boxes"].tolist() == [GOLDEN["xyxy"]]


def test_list_of_boxes_per_image():
    boxes = [np.array([GOLDEN["xyxy"]] * 2), np.zeros((0, 4)), [GOLDEN["xyxy"]]]
    shapes = [(1000, 500, 3), (10, 10, 3), (2000, 500, 3)]
    found = convert_format(boxes, "xyxy", "rel_xyxy", image_shape=shapes)
    assert [len(x) for x in found] == [2, 0, 1]
    np.testing.assert_allclose(found[0], [GOLDEN["rel_xyxy"]] * 2, rtol=1e-6)
    np.testing.assert_allclose(found[2], [[0.02, 0.01, 0.22, 0.06]], rtol=1e-6)
    assert convert_format([], "xyxy", "xywh").shape == (0, 4)


def test_dtypes():
    boxes = np.array([GOLDEN["xyxy"]], "float16") * 20
    assert convert_format(boxes, "xyxy", "xywh", dtype=None).dtype == "float16"
    # Half of 1400 + 2400 is computed in float32, where it is exact.
    found = convert_format(boxes, "xyxy", "center_yxhw", dtype="int32")
    assert found.tolist() == [[1400, 1200, 2000, 2000]]


@pytest.mark.parametrize(
    "change,message",
    [
        ({"source": "xxyy"}, "one of xyxy.*'xxyy'"),
        ({"target": "rel_xyxy"}, "`images` or `image_shape`.*'xyxy' to 'rel_xyxy'"),
        ({"boxes": np.zeros((2, 5))}, "four numbers"),
        ({"images": np.zeros((4, 4, 3)), "image_shape": SHAPE}, "received both"),
        ({"images": np.zeros((2, 4, 4, 3))}, r"\(B, N, 4\)"),
        ({"images": np.zeros((4, 4))}, r"\(height, width, channels\)"),
        ({"image_shape": (5,)}, r"\(height, width, channels\)"),
        ({"image_shape": (None, 5, 3)}, "known height"),
        ({"image_shape": (5, 0, 3)}, "width of at least one pixel"),
        ({"image_shape": np.ones((2, 3))}, "size per image"),
        ({"boxes": {"classes": [1]}}, 'dict with "boxes"'),
        ({"boxes": [[1, 2, 3, 4], [1, 2, 3]]}, "rows of 4 numbers"),
    ],
)
def test_bad_input(change, message):
    arguments = {"boxes": np.zeros((2, 4)), "source": "xyxy", "target": "xywh"}
    with pytest.raises(ValueError, match=message):
        convert_format(**{**arguments, **change})


class TestTensorFlow:
    """Whatever the backend is."""

    @pytest.fixture(autouse=True)
    def tf(self):
        self.tf = pytest.importorskip("tensorflow")

    def test_dynamic_images_in_tf_data(self):
        tf = self.tf
        boxes = random_xyxy(4, 3).astype("float32")
        images = np.zeros((4, 20, 30, 3), "float32")
        expected = convert_format(boxes, "xyxy", "rel_xywh", images=images)
        of_unknown_size = tf.TensorSpec((None, None, None, 3))
        dataset = tf.data.Dataset.from_generator(
            lambda: iter([(images, boxes)]),
            output_signature=(of_unknown_size, tf.TensorSpec((None, None, 4))),
        )

        def by_images(images, boxes):
            return convert_format(boxes, "xyxy", "rel_xywh", images=images)

        def by_shape(images, boxes):
            shape = tf.shape(images)[1:]
            return convert_format(boxes, "xyxy", "rel_xywh", image_shape=shape)

        for convert in (by_images, by_shape):
            (found,) = dataset.map(convert)
            np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6)

    def test_float64(self):
        boxes = np.array([GOLDEN["xyxy"], [-1] * 4], "float64")
        found = convert_format(
            self.tf.constant(boxes), "xyxy", "rel_yxyx", image_shape=SHAPE, dtype=None
        )
        assert found.dtype == self.tf.float64
        np.testing.assert_allclose(found, [GOLDEN["rel_yxyx"], [-1] * 4], rtol=1e-12)

    @pytest.mark.parametrize("ragged_rank", [1, 2])
    def test_ragged_boxes_and_images(self, ragged_rank):
        tf = self.tf
        boxes = tf.ragged.constant(
            [[[10.0, 20, 110, 120]], [], [[10.0, 20, 110, 120]] * 2],
            ragged_rank=ragged_rank,
        )
        images = tf.ragged.stack(
            [tf.zeros((h, w, 3)) for h, w in ((1000, 500), (7, 9), (2000, 500))]
        )
        found = convert_format(boxes, "xyxy", "rel_xyxy", images=images)
        assert found.row_lengths().numpy().tolist() == [1, 0, 2]
        np.testing.assert_allclose(found[0], [GOLDEN["rel_xyxy"]], rtol=1e-6)
        np.testing.assert_allclose(
            found[2].numpy(), [[0.02, 0.01, 0.22, 0.06]] * 2, rtol=1e-6
        )


def test_defect_30_is_relative_ignores_capitals():
    """Upstream's defect 30: "REL_XYXY" was said to be no relative format."""
    assert is_relative("REL_XYXY")
    assert [is_relative(name) for name in FORMATS] == [
        name.startswith("rel_") for name in FORMATS
    ]


@pytest.mark.parametrize("name", FORMATS)
def test_defect_30_as_relative_gives_formats_there_are(name):
    """Upstream's defect 30: it made up names that no function took."""
    assert as_relative(name) in FORMATS
    assert is_relative(as_relative(name))
    assert as_relative(as_relative(name)) == as_relative(name)


@pytest.mark.parametrize("function", [is_relative, as_relative])
@pytest.mark.parametrize("name", ["rel", "xyzw", None])
def test_defect_30_unknown_formats_are_named(function, name):
    with pytest.raises(ValueError, match=f"one of xyxy.*{name!r}"):
        function(name)


def test_indices_name_the_numbers():
    left, top, right, bottom = GOLDEN["xyxy"]
    box = np.array(GOLDEN["xyxy"])
    assert [box[i] for i in (XYXY.LEFT, XYXY.TOP)] == [left, top]
    assert [box[i] for i in (XYXY.RIGHT, XYXY.BOTTOM)] == [right, bottom]
    assert GOLDEN["yxyx"][YXYX.TOP] == top
    assert GOLDEN["rel_yxyx"][REL_YXYX.RIGHT] == GOLDEN["rel_xyxy"][XYXY.RIGHT]
    assert GOLDEN["xywh"][XYWH.HEIGHT] == bottom - top
    assert GOLDEN["center_xywh"][CENTER_XYWH.X] == (left + right) / 2


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("target", ["xyxy", "xywh", "center_yxhw"])
def test_boxes_that_are_no_numbers_become_padding(number, target):
    boxes = np.array([[[1, 2, 3, 4], [1, number, 3, 4]], [[-1] * 4] * 2], "float32")
    for array in (np.asarray, keras.ops.convert_to_tensor):
        found = keras.ops.convert_to_numpy(convert_format(array(boxes), "xyxy", target))
        np.testing.assert_array_equal(found[0, 1], -np.ones(4))
        expected = convert_format(boxes[0, :1], "xyxy", target)
        np.testing.assert_array_equal(found[0, :1], expected)
        np.testing.assert_array_equal(found[1], boxes[1])
