import math

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.backend_functions_test import compiled, floatx, gradients
from keras_cv.models.yolov8 import LabelEncoder

CLASSES = 3


def predictions(images=3, seed=0):
    """Returns scores, boxes and anchors of maps of 8 x 6 and 4 x 3 cells."""
    random = np.random.default_rng(seed)
    anchors = np.concatenate(
        [
            np.stack(np.meshgrid(np.arange(w), np.arange(h)), -1).reshape(-1, 2)
            * stride
            + stride / 2
            for stride, h, w in ((8, 6, 8), (16, 3, 4))
        ]
    )
    half = random.uniform(2, 20, (images, len(anchors), 2))
    boxes = np.concatenate([anchors - half, anchors + half], -1)
    boxes += random.normal(0, 2, boxes.shape)
    scores = random.uniform(0, 1, (images, len(anchors), CLASSES))
    # Equal predictions, no numbers, and boxes inside out.
    scores[0, 10:14], boxes[0, 10:14] = 0.7, [20, 4, 44, 20]
    scores[1, 20], boxes[1, 21] = np.nan, np.nan
    boxes[1, 25] = boxes[1, 25, [2, 3, 0, 1]]
    return (x.astype("float32") for x in (scores, boxes, anchors))


def truth(images=3, count=7):
    random = np.random.default_rng(1)
    first = random.uniform(-4, 40, (images, count, 2))
    boxes = np.concatenate([first, first + random.uniform(6, 40, first.shape)], -1)
    labels = random.integers(0, CLASSES, (images, count))
    mask = np.ones((images, count), bool)
    mask[0, 2:4] = False
    boxes[0, 2:4], labels[0, 2:4] = -1, -1
    # One within another, one twice, one without an area, one that covers all.
    boxes[1, 1] = boxes[1, 0] + [2, 2, -2, -2]
    boxes[1, 3], labels[1, 3] = boxes[1, 2], labels[1, 2]
    boxes[1, 4] = [12, 4, 12, 40]
    boxes[1, 5] = [-99, -99, 200, 200]
    mask[2] = False
    return labels.astype("int32"), boxes.astype("float32"), mask


def ciou(first, second):
    """The formula of the paper, for two boxes that have an area."""
    a, b = np.float64(first), np.float64(second)
    inner = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    side, other = a[2:] - a[:2], b[2:] - b[:2]
    if not (side.min() > 0 and other.min() > 0):
        return 0.0  # what has no area has no overlap, and less than none counts as 0
    iou = inner / (side.prod() + other.prod() - inner)
    diagonal = np.maximum(a[2:], b[2:]) - np.minimum(a[:2], b[:2])
    distance = (a[:2] + a[2:] - b[:2] - b[2:]) / 2
    angle = math.atan(side[0] / side[1]) - math.atan(other[0] / other[1])
    v = 4 / math.pi**2 * angle**2
    penalty = v * v / (1 - iou + v) if v else 0.0
    return iou - (distance @ distance) / (diagonal @ diagonal) - penalty


def by_hand(scores, predicted, anchors, labels, boxes, mask, **options):
    """Returns the targets of one image, box by box and anchor by anchor."""
    matches, alpha, beta = (
        options.get(*option) for option in (("k", 4), ("alpha", 0.5), ("beta", 6))
    )
    owners = {}
    for n, box in enumerate(boxes):
        rows = []
        for i, (x, y) in enumerate(anchors):
            inside = min(x - box[0], y - box[1], box[2] - x, box[3] - y) > 1e-9
            score, overlap = scores[i, labels[n]], ciou(box, predicted[i])
            if mask[n] and inside and score > 0 and overlap > 0:
                aligned = float(score) ** alpha * overlap**beta
                rows.append((aligned, -i, overlap))
        for aligned, i, overlap in sorted(rows, reverse=True)[:matches]:
            if overlap > owners.get(-i, (0, 0, 0))[1]:
                owners[-i] = aligned, overlap, n
    count = len(anchors)
    targets = np.full((count, 4), -1.0), np.zeros((count, CLASSES)), np.zeros(count)
    for i, (aligned, _, n) in owners.items():
        mine = [owner for owner in owners.values() if owner[2] == n]
        best, largest = (max(column) for column in list(zip(*mine, strict=True))[:2])
        targets[0][i] = boxes[n]
        targets[1][i, labels[n]] = aligned / best * largest
        targets[2][i] = 1
    return targets


def expected(*arguments, **options):
    scores, predicted, anchors, *others = arguments
    images = [
        by_hand(scores[i], predicted[i], anchors, *(x[i] for x in others), **options)
        for i in range(len(scores))
    ]
    return [np.stack(column) for column in zip(*images, strict=True)]


def check(found, wanted):
    for ours, theirs in zip(found, wanted, strict=True):
        assert_close(keras.ops.cast(ours, "float32"), theirs)


@pytest.mark.backends
def test_targets_are_those_by_hand():
    arguments = (*predictions(), *truth())
    encoder = LabelEncoder(CLASSES, max_anchor_matches=4)
    tensors = [keras.ops.convert_to_tensor(x) for x in arguments]
    with floatx("float16"):
        found = compiled(lambda *x: encoder(*x))(*tensors)
    wanted = expected(*arguments)
    # Not four for each of five and seven boxes: some want the same ones.
    assert wanted[2].sum(axis=1).tolist() == [15, 11, 0]
    assert wanted[2][:, :48].any() and wanted[2][:, 48:].any()
    check(found, wanted)
    assert keras.backend.standardize_dtype(found[2].dtype) == "bool"


@pytest.mark.parametrize(
    "options",
    [{"alpha": 1.0, "beta": 2.5}, {"alpha": 0.7, "beta": 3.0}, {"k": 200, "beta": 1.0}],
)
def test_options(options):
    arguments = (*predictions(), *truth())
    encoder = LabelEncoder(
        CLASSES,
        options.get("k", 4),
        options.get("alpha", 0.5),
        options["beta"],
        dtype="mixed_bfloat16",
        name="mine",
    )
    config = encoder.get_config()
    encoder = LabelEncoder.from_config(config)
    assert encoder.get_config() == config
    check(encoder(*arguments), expected(*arguments, **options))


def test_padding_changes_nothing():
    scores, predicted, anchors = predictions()
    labels, boxes, mask = truth()
    encoder = LabelEncoder(CLASSES)
    wanted = encoder(scores, predicted, anchors, labels, boxes, mask)
    labels, mask = (np.pad(x, [(0, 0), (1, 3)]) for x in (labels, mask))
    # Whatever stands there.
    boxes = np.pad(boxes, [(0, 0), (1, 3), (0, 0)])
    boxes[:, [0, -1], 2:] = 50
    for other in (mask, mask[..., None], mask[..., None].astype("float32")):
        found = encoder(scores, predicted, anchors, labels, boxes, other)
        check(found, map(to_numpy, wanted))


@pytest.mark.parametrize("count", [0, 3])
def test_without_boxes_all_is_background(count):
    labels, boxes, mask = (x[:, :count] for x in truth())
    found = LabelEncoder(CLASSES)(*predictions(), labels, boxes, mask & False)
    boxes, scores, has_box = map(to_numpy, found)
    assert {*boxes.ravel()} == {-1}
    assert {*scores.ravel()} == {0}
    assert not has_box.any()


def test_boxes_that_do_not_fit_at_all_are_no_target():
    """A CIoU below zero, to an even power, is no alignment."""
    anchors = np.array([[4.0, 4], [12, 4]])
    predicted = np.array([[[200, 200, 208, 208], [300, 200, 308, 208]]])
    found = LabelEncoder(1)(
        np.ones((1, 2, 1)),
        predicted,
        anchors,
        np.array([[0]]),
        np.array([[[0, 0, 16, 8]]]),
        np.array([[1]]),
    )
    assert not to_numpy(found[2]).any()
    assert not to_numpy(found[1]).any()


def test_boxes_that_hardly_fit_are_targets():
    """As those of a new model: 15 cells for one, and not likely at all."""
    found = LabelEncoder(1)(
        np.full((1, 1, 1), 1e-4),
        np.array([[[-56, -56, 64, 64]]]),
        np.array([[4.0, 4]]),
        np.array([[0]]),
        np.array([[[0, 0, 8, 8]]]),
        np.array([[1]]),
    )
    assert to_numpy(found[2]).all()
    assert_close(found[1], [[[ciou([0, 0, 8, 8], [-56, -56, 64, 64])]]])


@pytest.mark.backends
def test_targets_have_no_gradient():
    scores, predicted, anchors = predictions()
    labels, boxes, mask = truth()
    scores, predicted = np.nan_to_num(scores), np.nan_to_num(predicted)

    def total(scores, predicted):
        found = LabelEncoder(CLASSES)(scores, predicted, anchors, labels, boxes, mask)
        return keras.ops.sum(found[0]) + keras.ops.sum(found[1] * scores)

    wanted = LabelEncoder(CLASSES)(scores, predicted, anchors, labels, boxes, mask)[1]
    of_scores, of_boxes = gradients(total, scores, predicted)
    assert_close(of_scores, wanted)
    assert (of_boxes == 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "`num_classes`"),
        ((3, 0), "`max_anchor_matches`"),
        ((3, 10, -1), "`alpha`"),
        ((3, 10, 0.5, "a"), "`beta`"),
        ((3, 10, 0.5, 6, 0), "`epsilon`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        LabelEncoder(*arguments)


def test_bad_shapes():
    arguments = [*predictions(), *truth()]
    with pytest.raises(ValueError, match=r"scores \(B, A, 4\)"):
        LabelEncoder(4)(*arguments)
    arguments[3] = arguments[3][..., None]
    with pytest.raises(ValueError, match=r"labels \(B, N\)"):
        LabelEncoder(CLASSES)(*arguments)
