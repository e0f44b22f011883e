import math

import keras
import numpy as np
import pytest

from keras_cv.backend_functions_test import compiled, gradients, tensors
from keras_cv.bounding_box import (
    compute_ciou,
    compute_diou,
    compute_giou,
    compute_iou,
    convert_format,
)
from keras_cv.bounding_box.formats import FORMATS

ELEMENTWISE = {"giou": compute_giou, "diou": compute_diou, "ciou": compute_ciou}
# No area, inside out, one point, padding, far away, tiny.
DEGENERATE = np.array(
    [
        [3, 3, 3, 9],
        [9, 9, 3, 3],
        [5, 5, 5, 5],
        [0, 0, 0, 0],
        [-1, -1, -1, -1],
        [1e6, 1e6, 1e6 + 1, 1e6 + 1],
        [2, 2, 2 + 1e-6, 2 + 1e-6],
        [0, 0, 1e-20, 1e-20],
        [0, 0, 10, 10],
    ],
    "float32",
)


def random_boxes(*shape, seed=0):
    rng = np.random.default_rng(seed)
    first = rng.uniform(0, 20, (*shape, 2))
    return np.concatenate([first, first + rng.uniform(1, 20, (*shape, 2))], -1)


def measures_by_hand(a, b):
    """The formulas of the papers, for two boxes of "xyxy" in pixels."""
    wide = max(0.0, min(a[2], b[2]) - max(a[0], b[0]))
    high = max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    intersection = wide * high
    sides = [(box[2] - box[0], box[3] - box[1]) for box in (a, b)]
    union = sides[0][0] * sides[0][1] + sides[1][0] * sides[1][1] - intersection
    iou = intersection / union
    around = (
        max(a[2], b[2]) - min(a[0], b[0]),
        max(a[3], b[3]) - min(a[1], b[1]),
    )
    area = around[0] * around[1]
    giou = iou - (area - union) / area
    centers = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in (a, b)]
    rho2 = math.dist(*centers) ** 2
    diou = iou - rho2 / math.hypot(*around) ** 2
    angles = [math.atan(w / h) for w, h in sides]
    v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    alpha = v / ((1 - iou) + v) if v else 0.0
    return {"iou": iou, "giou": giou, "diou": diou, "ciou": diou - alpha * v}


def test_iou_agrees_with_a_loop():
    boxes1, boxes2 = random_boxes(2, 6), random_boxes(2, 5, seed=1)
    expected = [
        [[measures_by_hand(a, b)["iou"] for b in second] for a in first]
        for first, second in zip(boxes1, boxes2, strict=True)
    ]
    assert 0 < np.mean(np.equal(expected, 0)) < 1
    found = compute_iou(boxes1, boxes2, "xyxy")
    assert type(found) is np.ndarray
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_measures_agree_with_the_papers(name):
    boxes1, boxes2 = random_boxes(40), random_boxes(40, seed=1)
    expected = [
        measures_by_hand(a, b)[name] for a, b in zip(boxes1, boxes2, strict=True)
    ]
    found = ELEMENTWISE[name](boxes1, boxes2, "xyxy")
    np.testing.assert_allclose(found, expected, rtol=1e-10)
    # Broadcast: one box against all.
    found = ELEMENTWISE[name](boxes1[:, None], boxes2, "xyxy")
    assert found.shape == (40, 40)
    np.testing.assert_allclose(np.diag(found), expected, rtol=1e-10)


@pytest.mark.parametrize("format_name", ["xyxy", "center_xywh", "yxyx"])
def test_iou_and_ciou_agree_with_keras(format_name):
    boxes1, boxes2 = (
        convert_format(random_boxes(30, seed=seed), "xyxy", format_name)
        for seed in (0, 1)
    )
    peers = keras.utils.bounding_boxes
    first, second = tensors(boxes1, boxes2)
    for ours, theirs in (
        (compute_iou, peers.compute_iou),
        (compute_ciou, peers.compute_ciou),
    ):
        expected = keras.ops.convert_to_numpy(theirs(first, second, format_name))
        found = keras.ops.convert_to_numpy(ours(first, second, format_name))
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("format_name", FORMATS)
def test_all_formats_give_the_same(format_name):
    shape = (50, 80, 3)
    boxes = [
        convert_format(
            random_boxes(8, seed=seed), "xyxy", format_name, image_shape=shape
        )
        for seed in (0, 1)
    ]
    pixels = random_boxes(8), random_boxes(8, seed=1)
    np.testing.assert_allclose(
        compute_iou(*boxes, format_name),
        compute_iou(*pixels, "xyxy"),
        rtol=1e-4,
        atol=1e-6,
    )
    for name, measure in ELEMENTWISE.items():
        options = {} if name == "giou" else {"image_shape": shape}
        np.testing.assert_allclose(
            measure(*boxes, format_name, **options),
            measure(*pixels, "xyxy"),
            rtol=1e-4,
            atol=1e-5,
        )


@pytest.mark.parametrize(
    "shapes,expected",
    [
        (((3,), (5,)), (3, 5)),
        (((2, 3), (5,)), (2, 3, 5)),
        (((3,), (2, 5)), (2, 3, 5)),
        (((2, 3), (2, 5)), (2, 3, 5)),
        (((0,), (5,)), (0, 5)),
    ],
)
def test_shapes_of_iou(shapes, expected):
    first, second = (random_boxes(*shape) for shape in shapes)
    assert compute_iou(first, second, "xyxy").shape == expected
    assert compute_iou(*tensors(first, second), "xyxy").shape == expected


@pytest.mark.parametrize("format_name", FORMATS)
def test_padding_overlaps_nothing_and_is_masked(format_name):
    shape = (50, 80, 3)
    boxes = np.concatenate([random_boxes(2), [[-1] * 4]])
    boxes = convert_format(boxes, "xyxy", format_name, image_shape=shape)
    found = compute_iou(boxes, boxes, format_name)
    assert (found[2] == 0).all() and (found[:, 2] == 0).all()
    masked = compute_iou(boxes, boxes, format_name, use_masking=True, mask_val=-7)
    assert (masked[2] == -7).all() and (masked[:, 2] == -7).all()
    np.testing.assert_array_equal(masked[:2, :2], found[:2, :2])


def test_small_relative_boxes_overlap_themselves_fully():
    boxes = np.array([[0.5, 0.5, 0.501, 0.501]])
    assert compute_iou(boxes, boxes, "rel_xyxy").tolist() == [[1.0]]


def test_float16_is_computed_in_float32():
    boxes = np.array([[0, 0, 1000, 1000], [0, 0, 500, 1000]], "float16")
    np.testing.assert_allclose(compute_iou(boxes, boxes, "xyxy")[0], [1, 0.5])
    (ours,) = (keras.ops.cast(x, "bfloat16") for x in tensors(boxes))
    assert keras.backend.standardize_dtype(compute_giou(ours, ours, "xyxy").dtype) == (
        "float32"
    )


@pytest.mark.parametrize("name", ["iou", *ELEMENTWISE])
@pytest.mark.backends
def test_degenerate_boxes_give_finite_numbers_and_gradients(name):
    measure = {"iou": compute_iou, **ELEMENTWISE}[name]
    first, second = np.broadcast_arrays(DEGENERATE[:, None], DEGENERATE[None])
    if name == "iou":
        first = second = DEGENERATE

    def function(a, b):
        return measure(a, b, "xyxy")

    values = keras.ops.convert_to_numpy(function(*tensors(first, second)))
    assert np.isfinite(values).all()
    assert values.max() <= 1 + 1e-6
    assert values.min() >= {"iou": 0, "ciou": -2.001}.get(name, -1.001)
    for gradient in gradients(function, first, second):
        assert np.isfinite(gradient).all()
    np.testing.assert_allclose(measure(first, second, "xyxy"), values, atol=1e-6)


# Not of CIoU: the weight of its penalty is a constant by definition.
@pytest.mark.parametrize("name", ["iou", "giou", "diou"])
def test_gradients_are_those_of_finite_differences(name):
    measure = {"iou": compute_iou, **ELEMENTWISE}[name]
    first, second = random_boxes(3), random_boxes(3, seed=1)
    found = gradients(lambda a, b: measure(a, b, "xyxy"), first, second)[0]
    expected = np.zeros_like(first)
    for index in np.ndindex(*first.shape):
        step = np.zeros_like(first)
        step[index] = 1e-5
        high, low = (measure(first + s, second, "xyxy").sum() for s in (step, -step))
        expected[index] = (high - low) / 2e-5
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.backends
def test_compiled_on_the_backend():
    def all_four(a, b):
        each = [measure(a, b, "xyxy") for measure in ELEMENTWISE.values()]
        return compute_iou(a, b, "xyxy", use_masking=True), *each

    boxes = random_boxes(6), random_boxes(6, seed=1)
    found = compiled(all_four)(*tensors(*boxes))
    for ours, expected in zip(found, all_four(*boxes), strict=True):
        ours = keras.ops.convert_to_numpy(ours)
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_in_tf_data():
    tf = pytest.importorskip("tensorflow")
    boxes = random_boxes(2, 4).astype("float32"), random_boxes(3).astype("float32")
    dataset = tf.data.Dataset.from_tensors(boxes)
    (found,) = dataset.map(lambda a, b: compute_iou(a, b, "xyxy"))
    np.testing.assert_allclose(found.numpy(), compute_iou(*boxes, "xyxy"), rtol=1e-5)
    (found,) = dataset.map(lambda a, b: compute_ciou(a[:, :3], b, "xyxy"))
    expected = compute_ciou(boxes[0][:, :3], boxes[1], "xyxy")
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-6)


def test_bad_input():
    with pytest.raises(ValueError, match="`boxes2` as"):
        compute_iou(np.zeros((2, 4)), np.zeros(4), "xyxy")
    with pytest.raises(ValueError, match="four numbers"):
        compute_giou(np.zeros((2, 4)), np.zeros((2, 5)), "xyxy")
    with pytest.raises(ValueError, match="one of xyxy"):
        compute_ciou(np.zeros((2, 4)), np.zeros((2, 4)), "xy")


@pytest.mark.parametrize("size", [1e10, 1e19, 1e20, 1e30, 1e37])
def test_boxes_beyond_all_images(size):
    """What is a quotient of areas does not depend on the unit of lengths."""
    boxes = np.array(
        [[0, 0, 4, 4], [0, 0, 4, 2], [4, 4, 5, 5], [-2, 1, 3, 2]], "float32"
    )
    large = (boxes * size).astype("float32")
    for format in ("xyxy", "xywh"):
        for array in (np.asarray, keras.ops.convert_to_tensor):
            small, great = (
                array(convert_format(x, "xyxy", format)) for x in (boxes, large)
            )
            for measure in (compute_giou, compute_diou, compute_ciou):
                expected, found = (
                    keras.ops.convert_to_numpy(measure(x[:, None], x[None], format))
                    for x in (small, great)
                )
                np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
            expected, found = (
                keras.ops.convert_to_numpy(compute_iou(x, x, format))
                for x in (small, great)
            )
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_boxes_that_are_large_beside_small_ones():
    boxes = np.array([[0, 0, 1e20, 1], [0, 0, 5e19, 1], [0, 0, 1, 1]], "float32")
    expected = [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]]
    for given in (boxes, keras.ops.convert_to_tensor(boxes)):
        found = keras.ops.convert_to_numpy(compute_iou(given, given, "xyxy"))
        np.testing.assert_allclose(found, expected, atol=1e-6)
