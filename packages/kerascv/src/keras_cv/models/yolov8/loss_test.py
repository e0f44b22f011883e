"""Boxes from distributions, and the loss, against plain NumPy."""

import math

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.backend_functions_test import compiled, gradients, tensors
from keras_cv.models.yolov8 import (
    decode_boxes,
    distribution_focal_loss,
    get_anchors,
    yolov8_losses,
)

ANCHORS = POINTS, STRIDES = get_anchors((32, 48))
COUNT, CLASSES = len(POINTS), 3
TERMS = ("box", "distribution", "class")


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


def boxes_in_numpy(logits):
    distances = (softmax(logits.reshape(*logits.shape[:2], 4, 16)) * range(16)).sum(-1)
    left, top, right, bottom = np.moveaxis(distances * STRIDES[:, None], -1, 0)
    x, y = POINTS.T
    return np.stack([x - left, y - top, x + right, y + bottom], axis=-1)


def ciou(a, b):
    """Returns the complete IoU of two boxes."""
    sides = [min(a[i + 2], b[i + 2]) - max(a[i], b[i]) for i in (0, 1)]
    hull = [max(a[i + 2], b[i + 2]) - min(a[i], b[i]) for i in (0, 1)]
    width, height = ([box[i + 2] - box[i] for box in (a, b)] for i in (0, 1))
    shared = max(sides[0], 0) * max(sides[1], 0)
    iou = shared / (width[0] * height[0] + width[1] * height[1] - shared)
    apart = sum((a[i] + a[i + 2] - b[i] - b[i + 2]) ** 2 / 4 for i in (0, 1))
    v = 4 / math.pi**2
    v *= (math.atan(width[0] / height[0]) - math.atan(width[1] / height[1])) ** 2
    return iou - apart / (hull[0] ** 2 + hull[1] ** 2) - v * v / (1 - iou + v)


def distribution_in_numpy(logits, box, point, stride):
    """Returns the distribution focal loss of one place."""
    left, top, right, bottom = box
    x, y = point
    losses = []
    for side, distance in enumerate((x - left, y - top, right - x, bottom - y)):
        distance = min(max(distance / stride, 0), 14.99)
        below, logs = int(distance), np.log(softmax(logits.reshape(4, 16)[side]))
        share = distance - below
        losses.append(-(1 - share) * logs[below] - share * logs[below + 1])
    return np.mean(losses)


def losses_in_numpy(outputs, boxes, scores, foreground):
    total = max(scores.sum(), 1)
    found = boxes_in_numpy(outputs["boxes"])
    box = spread = 0
    for image, place in zip(*np.nonzero(foreground), strict=True):
        weight = scores[image, place].sum()
        target = boxes[image, place]
        box += weight * (1 - ciou(target, found[image, place]))
        spread += weight * distribution_in_numpy(
            outputs["boxes"][image, place], target, POINTS[place], STRIDES[place]
        )
    p = 1 / (1 + np.exp(-outputs["classes"]))
    entropy = -(scores * np.log(p) + (1 - scores) * np.log(1 - p)).sum()
    return {
        "box": box / total,
        "distribution": spread / total,
        "class": entropy / total,
    }


def draw(share):
    """Returns outputs and targets of two images; a share of the places has a box."""
    rng = np.random.default_rng(0)
    outputs = {
        "boxes": rng.normal(size=(2, COUNT, 64), scale=2),
        "classes": rng.normal(size=(2, COUNT, CLASSES), scale=2),
    }
    foreground = rng.uniform(size=(2, COUNT)) < share
    corners = POINTS + rng.uniform(-40, 20, (2, COUNT, 2))
    boxes = np.concatenate([corners, corners + rng.uniform(5, 150, corners.shape)], -1)
    boxes[~foreground] = -1
    scores = rng.uniform(size=(2, COUNT, CLASSES)) * foreground[..., None]
    return outputs, boxes, scores, foreground


def run(boxes, classes, target_boxes, target_scores, foreground):
    found = yolov8_losses(
        {"boxes": boxes, "classes": classes},
        ANCHORS,
        target_boxes=target_boxes,
        target_scores=target_scores,
        foreground=foreground,
    )
    return keras.ops.stack([found[name] for name in TERMS])


@pytest.mark.backends
def test_losses_and_gradients():
    program = compiled(run)
    for share in (0.4, 0.0):
        outputs, *targets = draw(share)
        expected = losses_in_numpy(outputs, *targets)
        given = tensors(*targets)
        received = program(*tensors(*outputs.values()), *given)
        assert_close(received, [expected[name] for name in TERMS])
        assert bool(expected["box"] > 0) is (share > 0)
        found = gradients(
            lambda *values, given=given: run(*values, *given), *outputs.values()
        )
        for gradient in found:
            assert np.isfinite(gradient).all()
        foreground = targets[-1]
        assert (np.abs(found[0]).sum(-1) > 0).tolist() == foreground.tolist()
        assert (np.abs(found[1]) > 0).all()


@pytest.mark.backends
def test_boxes():
    logits = draw(1)[0]["boxes"]
    program = compiled(lambda x: decode_boxes(x, ANCHORS))
    assert_close(program(*tensors(logits)), boxes_in_numpy(logits), atol=1e-4)
    half = decode_boxes(keras.ops.cast(logits, "bfloat16"), ANCHORS)
    assert keras.backend.standardize_dtype(half.dtype) == "float32"


def test_the_distribution_of_a_box_is_where_its_sides_are():
    boxes = np.array([[[-4.0, 2.0, 8.0, 200.0]]])  # 1, 0.25, 0.5 and 24 strides away
    anchors = np.array([[4.0, 4.0]]), np.array([8.0])
    logits = np.full((1, 1, 4, 16), -30.0)
    for side, nearest in enumerate(([1], [0, 0, 0, 1], [0, 1], [15])):
        for bin_ in nearest:
            logits[0, 0, side, bin_] = math.log(nearest.count(bin_))
    logits = logits.reshape(1, 1, 64)
    found = to_numpy(distribution_focal_loss(logits, boxes, anchors=anchors))
    entropy = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25)) + math.log(2)
    # The last side stops a hundredth of a stride before the last distance.
    assert_close(found, [[(entropy + 0.01 * 30) / 4]], rtol=1e-4)
    again = to_numpy(decode_boxes(logits, anchors))
    assert_close(again[..., :3], boxes[..., :3], rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "box", [[5, 5, 5, 5], [-900, -900, -800, -800], [0, 0, 1e4, 1e4]]
)
def test_odd_boxes_have_finite_losses_and_gradients(box):
    outputs, _, scores, foreground = draw(1)
    boxes = np.broadcast_to(np.array(box, "float32"), (2, COUNT, 4))
    targets = tensors(boxes, scores, foreground)
    # Certain of one distance, and of one class.
    outputs["boxes"][:, :, ::16] = 200
    outputs["classes"][:, :, 0] = -200
    found = gradients(lambda *x: run(*x, *targets), *outputs.values())
    assert all(np.isfinite(gradient).all() for gradient in found)
    assert np.isfinite(to_numpy(run(*tensors(*outputs.values()), *targets))).all()


def test_what_is_outside_the_foreground_does_not_count():
    outputs, boxes, scores, foreground = draw(0.4)
    expected = to_numpy(run(*tensors(*outputs.values(), boxes, scores, foreground)))
    boxes[~foreground] = 1e30
    received = to_numpy(run(*tensors(*outputs.values(), boxes, scores, foreground)))
    assert_close(received, expected, rtol=0, atol=0)
