import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, reference, to_numpy
from keras_cv.backend_functions_test import compiled, floatx, gradients
from keras_cv.bounding_box import convert_format, non_max_suppression

COUNT, CLASSES = 12, 3
OPTIONS = {"bounding_box_format": "xyxy", "max_detections": COUNT}


def things(images=4, boxes=60, seed=0):
    """Returns boxes in heaps, scores in each class, with degenerate rows.

    The last two images have only padding, and no score above 0.
    """
    random = np.random.default_rng(seed)
    centers = random.uniform(-40, 60, (images, 6, 2))
    center = centers[:, random.integers(0, 6, boxes)] + random.normal(
        0, 3, (images, boxes, 2)
    )
    side = random.uniform(8, 24, (images, boxes, 2))
    corners = np.concatenate([center - side / 2, center + side / 2], -1)
    scores = random.uniform(0, 1, (images, boxes, CLASSES))
    # Equal scores, equal boxes, boxes without an area or inside out, all below zero.
    scores[0, 5:15] = scores[0, 5]
    corners[0, 20:22] = corners[0, 22]
    corners[0, 23, 2:] = corners[0, 23, :2]
    corners[0, 24] = corners[0, 24, [2, 3, 0, 1]]
    corners[1, 30:40] = random.uniform(-99, -3, 2).tolist() * 2
    corners[1, 30:40] -= [9, 9, 0, 0]
    scores[1, 41:45] = np.nan
    corners[1, 50] = np.nan
    corners[1, 51] = [0, 0, np.inf, 9]
    corners[2] = -1
    scores[3] = 0
    return corners.astype("float32"), scores.astype("float32")


def brute_force(boxes, scores, classes=None, threshold=0.5, least=0.0, **limits):
    """Returns (place, score) of one image, by the definition, pair by pair."""
    sigma, per_class = limits.get("sigma"), limits.get("per_class")
    alive = {
        i: float(score)
        for i, (box, score) in enumerate(zip(boxes, scores, strict=True))
        if score > least and np.isfinite(box).all() and (box != -1).any()
    }
    found = []
    while alive and len(found) < COUNT:
        best = max(alive, key=lambda i: (alive[i], -i))
        score = alive.pop(best)
        group = None if classes is None else classes[best]
        if per_class and [g for *_, g in found].count(group) == per_class:
            continue
        found.append((best, score, group))
        for i in list(alive):
            if group is None or classes[i] == group:
                iou = overlap(boxes[best], boxes[i])
                if sigma is None and iou > threshold:
                    del alive[i]
                elif sigma is not None:
                    alive[i] *= np.exp(-(iou**2) / sigma)
                    if alive[i] <= least:
                        del alive[i]
    return found


def overlap(first, second):
    (a, b, c, d), (e, f, g, h) = np.float64(first), np.float64(second)
    inner = max(0, min(c, g) - max(a, e)) * max(0, min(d, h) - max(b, f))
    areas = [max(0, c - a) * max(0, d - b), max(0, g - e) * max(0, h - f)]
    union = sum(areas) - inner
    return inner / union if union > 0 else 0.0


def check(found, expected, boxes, class_axis=False):
    """Compares the outputs for a batch with what brute force finds."""
    found = to_numpy(found)
    assert found["num_detections"].tolist() == [len(image) for image in expected]
    for i, image in enumerate(expected):
        padding = [-1] * (COUNT - len(image))
        places = [place for place, *_ in image]
        rows = [x // CLASSES for x in places] if class_axis else places
        assert found["idx"][i].tolist() == rows + padding
        np.testing.assert_array_equal(found["boxes"][i, : len(image)], boxes[i, rows])
        assert (found["boxes"][i, len(image) :] == -1).all()
        scores = [score for _, score, _ in image]
        assert_close(found["confidence"][i], np.array(scores + padding))
        if "classes" in found:
            classes = [group for *_, group in image]
            assert found["classes"][i].tolist() == classes + padding


@pytest.mark.backends
def test_compiled_it_equals_brute_force():
    """Two kinds of suppression that have all steps of the loop between them."""
    boxes, each = things()

    def function(boxes, each):
        return (
            non_max_suppression(
                boxes, each[..., 0], soft_sigma=0.5, confidence_threshold=0.1, **OPTIONS
            ),
            non_max_suppression(
                boxes,
                each,
                iou_threshold=0.3,
                max_detections_per_class=3,
                max_candidates=150,
                **OPTIONS,
            ),
        )

    arrays = map(keras.ops.convert_to_tensor, (boxes, each))
    with floatx("float16"):
        soft, hard = compiled(function)(*arrays)
    expected = [
        brute_force(*image, least=0.1, sigma=0.5)
        for image in zip(boxes, each[..., 0], strict=True)
    ]
    assert "classes" not in soft
    check(soft, expected, boxes)
    # Each pair of a box and a class, by itself.
    expected = [
        brute_force(
            np.repeat(image, CLASSES, 0),
            scores.ravel(),
            np.tile(np.arange(CLASSES), len(image)),
            threshold=0.3,
            per_class=3,
        )
        for image, scores in zip(boxes, each, strict=True)
    ]
    assert [len(image) for image in expected] == [9, 9, 0, 0]
    check(hard, expected, boxes, class_axis=True)


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("sigma", [None, 0.3])
def test_equals_brute_force(by_class, sigma):
    boxes, each = things()
    scores, classes = each[..., 0], each.argmax(-1)
    found = non_max_suppression(
        boxes,
        scores,
        classes=classes if by_class else None,
        confidence_threshold=0.2,
        soft_sigma=sigma,
        **OPTIONS,
    )
    expected = [
        brute_force(*image, least=0.2, sigma=sigma)
        for image in zip(
            boxes, scores, classes if by_class else [None] * len(boxes), strict=True
        )
    ]
    check(found, expected, boxes)


def test_it_does_not_matter_how_many_candidates_are_looked_at_if_enough_are_left():
    boxes, each = things()
    scores = each[..., 0]
    found = to_numpy(non_max_suppression(boxes, scores, **OPTIONS))
    again = to_numpy(non_max_suppression(boxes, scores, max_candidates=40, **OPTIONS))
    fewer = to_numpy(non_max_suppression(boxes, scores, max_candidates=10, **OPTIONS))
    for name in found:
        np.testing.assert_array_equal(found[name], again[name])
    # As many as are left of the ten.
    count = fewer["num_detections"][0]
    assert 1 < count < found["num_detections"][0]
    np.testing.assert_array_equal(fewer["idx"][0, :count], found["idx"][0, :count])


@pytest.mark.parametrize("format_name", ["center_yxhw", "rel_xywh"])
def test_formats(format_name):
    boxes, each = things()
    shape = (50, 80, 3)
    converted = convert_format(boxes, "xyxy", format_name, image_shape=shape)
    options = {**OPTIONS, "bounding_box_format": format_name}
    found = to_numpy(non_max_suppression(converted, each[..., 0], **options))
    expected = to_numpy(non_max_suppression(boxes, each[..., 0], **OPTIONS))
    np.testing.assert_array_equal(found["idx"], expected["idx"])
    assert_close(
        convert_format(found["boxes"], format_name, "xyxy", image_shape=shape),
        expected["boxes"],
        atol=1e-4,  # of pixels
    )


def test_rows_of_padding_change_nothing():
    boxes, each = things()
    expected = to_numpy(non_max_suppression(boxes, each[..., 0], **OPTIONS))
    boxes = np.pad(boxes, [(0, 0), (0, 5), (0, 0)], constant_values=-1)
    scores = np.pad(each[..., 0], [(0, 0), (0, 5)], constant_values=0.99)
    found = to_numpy(non_max_suppression(boxes, scores, **OPTIONS))
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize("shape", [(2, 0), (2, 0, 3)])
def test_no_boxes(shape):
    found = to_numpy(
        non_max_suppression(np.zeros((2, 0, 4)), np.zeros(shape), **OPTIONS)
    )
    assert found["num_detections"].tolist() == [0, 0]
    assert found["boxes"].shape == (2, COUNT, 4)
    assert {*found["idx"].ravel()} == {*found["boxes"].ravel()} == {-1}


def test_boxes_beyond_all_images():
    boxes = np.array([[[0, 0, 1e20, 1e20], [-1e20, 0, 1e20, 5], [0, 0, 2, 2]]])
    for sigma in (None, 0.5):
        found = non_max_suppression(
            boxes, np.array([[0.9, 0.8, 0.7]]), soft_sigma=sigma, **OPTIONS
        )
        assert to_numpy(found["num_detections"]).tolist() == [3]


def test_an_overlap_of_the_threshold_is_no_reason():
    boxes = np.array([[[0, 0, 4, 4], [0, 0, 4, 2], [0, 2, 4, 4.0]]])
    scores = np.array([[0.9, 0.8, 0.7]])
    found = non_max_suppression(boxes, scores, iou_threshold=0.5, **OPTIONS)
    assert to_numpy(found["num_detections"]).tolist() == [3]
    found = non_max_suppression(boxes, scores, iou_threshold=0.49, **OPTIONS)
    assert to_numpy(found["num_detections"]).tolist() == [1]
    # Nor is a score of the threshold one to be found.
    found = non_max_suppression(
        boxes, scores, confidence_threshold=0.875, iou_threshold=1.0, **OPTIONS
    )
    assert to_numpy(found["idx"])[0].tolist() == [0] + [-1] * (COUNT - 1)


def suppressed_by_tensorflow(folder, *, boxes, scores, count):
    import tensorflow as tf

    hard = tf.image.combined_non_max_suppression(
        tf.constant(boxes)[:, :, None],
        tf.constant(scores),
        count,
        count,
        0.5,
        0.25,
        clip_boxes=False,
    )
    soft = tf.image.non_max_suppression_with_scores(
        boxes[0], tf.constant(scores)[0, :, 0], count, 1.0, 0.25, soft_nms_sigma=0.25
    )
    return {
        "boxes": hard.nmsed_boxes.numpy(),
        "scores": hard.nmsed_scores.numpy(),
        "classes": hard.nmsed_classes.numpy(),
        "soft_places": soft[0].numpy(),
        "soft_scores": soft[1].numpy(),
    }


def test_parity_with_tensorflow():
    boxes, scores = (x[:1, 25:] for x in things(seed=1))
    peer = reference(
        "tensorflow",
        suppressed_by_tensorflow,
        boxes=boxes.tolist(),
        scores=scores.tolist(),
        count=COUNT,
    ).arrays
    found = to_numpy(
        non_max_suppression(boxes, scores, confidence_threshold=0.25, **OPTIONS)
    )
    assert found["num_detections"].tolist() == [COUNT]
    np.testing.assert_array_equal(found["boxes"], peer["boxes"])
    np.testing.assert_array_equal(found["confidence"], peer["scores"])
    np.testing.assert_array_equal(found["classes"], peer["classes"])
    found = to_numpy(
        non_max_suppression(
            boxes,
            scores[..., 0],
            confidence_threshold=0.25,
            soft_sigma=0.5,
            **OPTIONS,
        )
    )
    count = len(peer["soft_places"])
    assert count > 3 and found["num_detections"].tolist() == [count]
    np.testing.assert_array_equal(found["idx"][0, :count], peer["soft_places"])
    assert_close(found["confidence"][0, :count], peer["soft_scores"])


def test_gradients_reach_the_boxes_that_are_found():
    boxes, each = things()
    boxes = np.nan_to_num(boxes[:1], posinf=9)

    def total(boxes, scores):
        return non_max_suppression(boxes, scores, **OPTIONS)["boxes"]

    of_boxes, of_scores = gradients(total, boxes, each[:1, :, 0])
    places = to_numpy(non_max_suppression(boxes, each[:1, :, 0], **OPTIONS)["idx"])
    expected = np.zeros(boxes.shape)
    expected[0, places[places >= 0]] = 1
    np.testing.assert_array_equal(of_boxes, expected)
    assert (of_scores == 0).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"iou_threshold": 1.5}, "`iou_threshold`"),
        ({"confidence_threshold": -0.1}, "`confidence_threshold`"),
        ({"max_detections": 0}, "`max_detections`"),
        ({"max_candidates": 0}, "`max_candidates`"),
        ({"soft_sigma": 0}, "`soft_sigma`"),
        ({"max_detections_per_class": 2}, "Expected `classes`"),
        ({"bounding_box_format": "xy"}, "one of xyxy"),
        ({"classes": np.zeros((1, 4), int)}, "Expected `classes`"),
        ({"scores": np.zeros((1, 4))}, r"scores `\(B, A\)`"),
        ({"scores": np.zeros(3)}, r"scores `\(B, A\)`"),
        ({"boxes": np.zeros((3, 4))}, r"boxes `\(B, A, 4\)`"),
    ],
)
def test_bad_arguments(options, message):
    arguments = {"boxes": np.zeros((1, 3, 4)), "scores": np.zeros((1, 3)), **OPTIONS}
    with pytest.raises(ValueError, match=message):
        non_max_suppression(**{**arguments, **options})
