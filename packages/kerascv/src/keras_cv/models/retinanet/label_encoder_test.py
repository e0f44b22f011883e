import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.backend_functions_test import compiled, floatx
from keras_cv.bounding_box import convert_format
from keras_cv.layers import AnchorGenerator
from keras_cv.models.retinanet import LabelEncoder

SHAPE = (48, 64, 3)
VARIANCE = (0.1, 0.1, 0.2, 0.2)


def generator(bounding_box_format="xyxy"):
    return AnchorGenerator(
        bounding_box_format,
        sizes={"P3": 16, "P4": 30},
        scales=[1.0],
        aspect_ratios=[0.6, 1.5],
        strides={"P3": 8, "P4": 16},
        clip_boxes=True,
    )


def labels(images=3, count=6):
    """Returns boxes, of which the last image has none but padding and degenerate."""
    random = np.random.default_rng(0)
    first = random.uniform(0, 40, (images, count, 2))
    boxes = np.concatenate([first, first + random.uniform(9, 32, first.shape)], -1)
    classes = random.integers(0, 5, (images, count)).astype("float32")
    boxes[0, 3:5] = -1
    classes[0, 3:5] = -1
    # On top of each other, in one point, no numbers, far outside.
    boxes[1, :2] = [11, 5, 31, 18]
    boxes[1, 2] = [9, 9, 9, 9]
    boxes[1, 3] = np.nan
    boxes[1, 4] += 500
    boxes[2], classes[2] = -1, -1
    boxes[2, 1], classes[2, 1] = [5, 5, 5, 40], 2
    return boxes.astype("float32"), classes


def overlap(first, second):
    (a, b, c, d), (e, f, g, h) = np.float64(first), np.float64(second)
    inner = max(0, min(c, g) - max(a, e)) * max(0, min(d, h) - max(b, f))
    union = (c - a) * (d - b) + (g - e) * (h - f) - inner
    return inner / union if union > 0 else 0.0


def by_hand(anchors, boxes, classes, positive=0.5, negative=0.4):
    """Returns the targets of one image, anchor by anchor, and the boxes it used."""
    deltas, targets, used = [], [], set()
    for anchor in anchors:
        best, place = 0.0, None
        for i, box in enumerate(boxes):
            if classes[i] != -1 and np.isfinite(box).all():
                iou = overlap(anchor, box)
                if iou > best:
                    best, place = iou, i
        if place is None or best < negative:
            target = -1
        elif best < positive:
            target = -2
        else:
            target = classes[place]
            used.add(place)
        delta = [0.0] * 4
        if target >= 0:
            a, b = np.float64(anchor), np.float64(boxes[place])
            side = a[2:] - a[:2]
            x, y = ((b[2:] + b[:2] - a[2:] - a[:2]) / 2 / side) / VARIANCE[:2]
            width, height = np.log((b[2:] - b[:2]) / side) / VARIANCE[2:]
            delta = [y, x, height, width]
        deltas.append(delta)
        targets.append(target)
    return np.array(deltas), np.array(targets), used


def expected(boxes, classes, **options):
    anchors = np.concatenate(list(generator()(image_shape=SHAPE).values()))
    images = [
        by_hand(anchors, *image, **options)
        for image in zip(boxes, classes, strict=True)
    ]
    deltas, targets, used = zip(*images, strict=True)
    count = ((classes != -1) & np.isfinite(boxes).all(-1)).sum()
    share = sum(map(len, used)) / count
    return np.stack(deltas), np.stack(targets), share


@pytest.mark.backends
def test_targets_are_those_by_hand():
    boxes, classes = labels()
    encoder = LabelEncoder("xyxy", generator())
    images = np.zeros((3, *SHAPE), "float32")

    @compiled
    def encode(images, boxes, classes):
        return encoder.encode(images, {"boxes": boxes, "classes": classes})

    arrays = map(keras.ops.convert_to_tensor, (images, boxes, classes))
    with floatx("float16"):
        found = encode(*arrays)
    deltas, targets, share = expected(boxes, classes)
    assert (targets[2] == -1).all() and (targets == -2).any()
    assert (targets >= 0).any(axis=1).tolist() == [True, True, False]
    np.testing.assert_array_equal(to_numpy(found[1]), targets)
    assert_close(found[0], deltas, atol=1e-4)  # of up to 10, from pixels in float32
    assert 0 < share < 1
    assert_close(found[2], share)


@pytest.mark.parametrize("format_name", ["center_xywh", "rel_yxyx"])
def test_formats_of_labels_and_of_anchors(format_name):
    boxes, classes = labels()
    images = np.zeros((3, *SHAPE), "uint8")
    wanted = LabelEncoder("xyxy", generator())(
        images, {"boxes": boxes, "classes": classes}
    )
    boxes = convert_format(boxes, "xyxy", format_name, image_shape=SHAPE)
    for anchors in ("xyxy", "rel_xywh"):
        encoder = LabelEncoder(format_name, generator(anchors))
        found = encoder(images, {"boxes": boxes, "classes": classes})
        assert_close(found[0], wanted[0], atol=1e-4)
        assert_close(found[1], wanted[1])


def test_padding_changes_nothing_and_boxes_may_come_in_lists():
    boxes, classes = labels()
    boxes, classes = boxes[:, :3], classes[:, :3]
    encoder = LabelEncoder("xyxy", generator())
    images = np.zeros((3, *SHAPE))
    wanted = encoder.encode(images, {"boxes": boxes, "classes": classes})
    padded = {
        "boxes": np.pad(boxes, [(0, 0), (2, 4), (0, 0)], constant_values=-1),
        "classes": np.pad(classes, [(0, 0), (2, 4)], constant_values=-1),
    }
    lists = {"boxes": [*boxes[:2], []], "classes": [*classes[:2], []]}
    lists["boxes"][2], lists["classes"][2] = boxes[2, 1:2], classes[2, 1:2]
    # A row with the class of padding is such whatever its box.
    other = {"boxes": padded["boxes"].copy(), "classes": padded["classes"]}
    other["boxes"][:, 5:] = [4, 4, 20, 20]
    for given in (padded, lists, other):
        for found, array in zip(encoder.encode(images, given), wanted, strict=True):
            assert_close(found, array)


@pytest.mark.parametrize("count", [0, 4])
def test_without_boxes_all_is_background(count):
    given = {"boxes": np.full((2, count, 4), -1), "classes": np.full((2, count), -1)}
    encoder = LabelEncoder(
        "xyxy", generator(), negative_threshold=0.0, positive_threshold=0.0
    )
    boxes, classes, share = encoder.encode(np.zeros((2, *SHAPE)), given)
    assert {*to_numpy(boxes).ravel()} == {0}
    assert {*to_numpy(classes).ravel()} == {-1}
    assert float(share) == 1.0


def test_arguments():
    boxes, classes = labels()
    encoder = LabelEncoder(
        "xyxy",
        generator(),
        positive_threshold=0.6,
        negative_threshold=0.2,
        box_variance=[0.1, 0.2, 0.3, 0.4],
        background_class=7,
        ignore_class=8,
        name="mine",
        dtype="mixed_bfloat16",
    )
    config = encoder.get_config()
    again = LabelEncoder.from_config(config)
    assert again.get_config() == config
    images = np.zeros((3, *SHAPE))
    found = again(images, {"boxes": boxes, "classes": classes})
    deltas, targets, _ = expected(boxes, classes, positive=0.6, negative=0.2)
    targets = np.select([targets == -1, targets == -2], [7, 8], targets)
    np.testing.assert_array_equal(to_numpy(found[1]), targets)
    deltas = deltas * VARIANCE / [0.1, 0.2, 0.3, 0.4]
    assert_close(found[0], deltas, atol=1e-4)
    with pytest.raises(ValueError, match="ascending"):
        LabelEncoder("xyxy", generator(), 0.3, 0.4)
    with pytest.raises(ValueError, match="`anchor_generator`"):
        LabelEncoder("xyxy", lambda image: {})
    with pytest.raises(ValueError, match="one of xyxy"):
        LabelEncoder("xy", generator())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"boxes": np.zeros((3, 2, 4))}, "classes"),
        ({"boxes": np.zeros((2, 4)), "classes": np.zeros(2)}, r"\(B, N, 4\)"),
        (
            {"boxes": np.zeros((3, 2, 4)), "classes": np.zeros((3, 2, 5))},
            r"\(B, N, 4\)",
        ),
    ],
)
def test_bad_labels(given, message):
    with pytest.raises(ValueError, match=message):
        LabelEncoder("xyxy", generator())(np.zeros((3, *SHAPE)), given)
