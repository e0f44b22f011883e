import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.backend_functions_test import compiled, gradients, tensors
from keras_cv.bounding_box import (
    convert_format,
    decode_deltas_to_boxes,
    encode_box_to_deltas,
)
from keras_cv.bounding_box.formats import FORMATS

VARIANCE = [0.1, 0.1, 0.2, 0.2]
SHAPE = (60, 90, 3)


def random_boxes(*shape, seed=0):
    random = np.random.default_rng(seed)
    first = random.uniform(0, 40, (*shape, 2))
    return np.concatenate([first, first + random.uniform(2, 30, (*shape, 2))], -1)


def by_hand(anchor, box):
    """The formulas of the paper, for two boxes of "xyxy" in pixels."""
    (left, top, right, bottom), (a, b, c, d) = anchor, box
    height, width = bottom - top, right - left
    return [
        ((b + d) / 2 - (top + bottom) / 2) / height,
        ((a + c) / 2 - (left + right) / 2) / width,
        np.log((d - b) / height),
        np.log((c - a) / width),
    ]


def test_deltas_are_those_of_the_paper():
    anchors, boxes = random_boxes(7), random_boxes(3, 7, seed=1)
    expected = [
        [by_hand(*pair) for pair in zip(anchors, image, strict=True)] for image in boxes
    ]
    found = encode_box_to_deltas(anchors, boxes, "xyxy", "xyxy")
    assert type(found) is np.ndarray and found.dtype == "float32"
    assert_close(found, np.array(expected))
    found = encode_box_to_deltas(anchors, boxes, "xyxy", "xyxy", VARIANCE)
    assert_close(found, np.array(expected) / VARIANCE)
    # Beside tensors, NumPy is a tensor too.
    (image,) = tensors(boxes[0])
    found = encode_box_to_deltas(anchors, image, "xyxy", "xyxy", VARIANCE)
    assert keras.ops.is_tensor(found)
    assert_close(found, np.array(expected[0]) / VARIANCE)


@pytest.mark.parametrize("box_format", FORMATS)
@pytest.mark.parametrize("anchor_format", ["xyxy", "rel_center_xywh"])
def test_round_trip_in_all_formats(anchor_format, box_format):
    anchors, boxes = random_boxes(50), random_boxes(50, seed=1)
    expected = encode_box_to_deltas(anchors, boxes, "xyxy", "xyxy", VARIANCE)
    anchors, boxes = (
        convert_format(x, "xyxy", format, image_shape=SHAPE)
        for x, format in ((anchors, anchor_format), (boxes, box_format))
    )
    options = {"variance": VARIANCE, "image_shape": SHAPE}
    deltas = encode_box_to_deltas(anchors, boxes, anchor_format, box_format, **options)
    # Of differences of numbers up to 90, in units of sides of 2 and variances of 0.1.
    assert_close(deltas, expected, rtol=1e-4, atol=1e-4)
    again = decode_deltas_to_boxes(
        anchors, deltas, anchor_format, box_format, **options
    )
    assert_close(again, boxes)


def test_fractions_need_no_image_where_all_are_such():
    anchors, boxes = random_boxes(5) / 90, random_boxes(5, seed=1) / 90
    deltas = encode_box_to_deltas(anchors, boxes, "rel_xyxy", "rel_xyxy")
    assert_close(decode_deltas_to_boxes(anchors, deltas, *["rel_xyxy"] * 2), boxes)
    with pytest.raises(ValueError, match="`images` or `image_shape`"):
        encode_box_to_deltas(anchors, boxes, "xyxy", "rel_xyxy")
    with pytest.raises(ValueError, match="`images` or `image_shape`"):
        decode_deltas_to_boxes(anchors, deltas, "rel_xyxy", "xyxy")


def test_levels():
    anchors = {3: random_boxes(5), 4: random_boxes(2)}
    boxes = {3: random_boxes(2, 5, seed=1), 4: random_boxes(2, 2, seed=1)}
    deltas = {
        level: encode_box_to_deltas(anchors[level], boxes[level], "xyxy", "xyxy")
        for level in anchors
    }
    assert_close(decode_deltas_to_boxes(anchors, deltas, "xyxy", "xyxy"), boxes)
    for other in ({3: deltas[3]}, deltas[3]):
        with pytest.raises(ValueError, match="the same levels"):
            decode_deltas_to_boxes(anchors, other, "xyxy", "xyxy")


@pytest.mark.backends
def test_nothing_is_infinite():
    boxes = [[5, 5, 5, 5], [9, 9, 3, 3], [-1] * 4, [0, 0, 9, 9], [2, 2, 2, 8]]
    anchors, boxes = (
        np.array(x, "float32")
        for x in zip(*((a, b) for a in boxes for b in boxes), strict=True)
    )
    deltas = np.random.default_rng(0).normal(0, 1e4, anchors.shape)

    def both(anchors, boxes, deltas):
        return (
            encode_box_to_deltas(anchors, boxes, "xyxy", "xyxy", VARIANCE),
            decode_deltas_to_boxes(anchors, deltas, "xyxy", "yxyx", VARIANCE),
        )

    encoded, decoded = map(to_numpy, compiled(both)(*tensors(anchors, boxes, deltas)))
    assert np.isfinite(encoded).all() and np.isfinite(decoded).all()
    assert np.abs(decoded[:, 2:] - decoded[:, :2]).max() <= 9 * 1000 / 16 * 1.001
    gradient = gradients(
        lambda x: decode_deltas_to_boxes(tensors(anchors)[0], x, "xyxy", "xyxy"), deltas
    )
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("variance", [[1, 1, 1], [1, 1, 0, 1], [1, 1, "a", 1]])
def test_bad_variance(variance):
    with pytest.raises(ValueError, match="four positive numbers"):
        encode_box_to_deltas(np.ones((1, 4)), np.ones((1, 4)), "xywh", "xywh", variance)
