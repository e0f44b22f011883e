"""Picking box by box against a plain loop; of many boxes, the best first."""

import importlib

import keras
import numpy as np
import pytest

from domain_core import ops
from domain_core.testing import assert_close, to_numpy

pytestmark = pytest.mark.backends
# The package has the function under the name of its module.
module = importlib.import_module("domain_core.ops.pick_boxes")
COUNT = 6


def boxes_and_scores(images=3, count=90):
    """Returns boxes in three heaps of equals, so that few of the best are left."""
    random = np.random.default_rng(0)
    corner = random.integers(0, 3, (images, count, 1)) * 40 + random.uniform(
        0, 4, (images, count, 2)
    )
    boxes = np.concatenate([corner, corner + random.uniform(16, 24, corner.shape)], -1)
    # Many scores are equal.
    scores = random.integers(0, 9, (images, count)) / 10
    scores[1] = 0
    # What lies elsewhere has a low score.
    boxes[2, 50:70, :2] += 200
    boxes[2, 50:70, 2:] += 200 + np.arange(20)[:, None]
    scores[2, 50:70] = 0.05
    return boxes.astype("float32"), scores.astype("float32")


def picked(boxes, scores, threshold=0.5, sigma=None):
    """Returns places and scores of one image, by the definition."""
    left, top, right, bottom = np.asarray(boxes, "float64").T
    area = (right - left) * (bottom - top)
    scores, found = scores.astype("float64"), []
    while len(found) < COUNT and scores.max() > 0:
        best = int(scores.argmax())
        found.append((best, scores[best]))
        width = np.minimum(right, right[best]) - np.maximum(left, left[best])
        height = np.minimum(bottom, bottom[best]) - np.maximum(top, top[best])
        inner = np.maximum(width, 0) * np.maximum(height, 0)
        iou = inner / (area + area[best] - inner)
        if sigma is None:
            scores[iou > threshold] = 0
        else:
            scores = scores * np.exp(-(iou**2) / sigma)
        scores[best] = 0
    found += [(-1, 0)] * (COUNT - len(found))
    return tuple(np.array(column) for column in zip(*found, strict=True))


def best_alone(scores, count):
    """Returns scores of which all but the best are 0."""
    places = np.argsort(-scores, axis=-1, kind="stable")[:, count:]
    alone = scores.copy()
    np.put_along_axis(alone, places, 0, axis=-1)
    return alone


@pytest.mark.parametrize("sigma", [None, 0.5])
def test_the_rest_counts_where_the_best_do_not_suffice(monkeypatch, sigma):
    boxes, scores = boxes_and_scores()
    monkeypatch.setattr(module, "_FIRST", 12)
    monkeypatch.setattr(module, "_FIRST_PER_CHOICE", 1)

    def pick(boxes, scores):
        corners = tuple(boxes[..., i] for i in range(4))
        return ops.pick_boxes(
            corners, scores, COUNT, iou_threshold=0.5, soft_sigma=sigma
        )

    if keras.config.backend() == "jax":
        import jax

        pick = jax.jit(pick)

    def expected(scores):
        images = [
            picked(*image, sigma=sigma) for image in zip(boxes, scores, strict=True)
        ]
        return tuple(np.stack(column) for column in zip(*images, strict=True))

    places, values = expected(scores)
    received = pick(*map(keras.ops.convert_to_tensor, (boxes, scores)))
    np.testing.assert_array_equal(to_numpy(received[0]), places)
    assert_close(received[1], values)
    # The best would not do for the last image, and there is none in the second.
    lacks = (expected(best_alone(scores, 12))[0] != places).any(axis=1)
    assert lacks[2] and not lacks[1]
    assert (places[1] == -1).all()


def pick_all(boxes, scores):
    corners = tuple(boxes[..., i] for i in range(4))
    return ops.pick_boxes(corners, scores, COUNT, iou_threshold=0.5)


@pytest.mark.backends("torch")
def test_exported_by_torch(monkeypatch):
    """All in one program, without a question for values."""
    import torch

    class Picking(torch.nn.Module):
        def forward(self, boxes, scores):
            return pick_all(boxes, scores), ops.top_k(scores, 4)[0]

    boxes, scores = boxes_and_scores()
    monkeypatch.setattr(module, "_FIRST", 12)
    tensors = [torch.tensor(x) for x in (boxes, scores)]
    program = torch.export.export(Picking(), tuple(tensors))
    # Others than it has seen.
    picked, best = program.module()(*(x.flip(0) for x in tensors))
    for received, expected in zip(picked, pick_all(*tensors), strict=True):
        assert_close(received.flip(0), expected)
    assert_close(best.flip(0), np.sort(scores)[:, :-5:-1])


@pytest.mark.backends("jax")
def test_exported_by_jax(monkeypatch):
    """For batches of any size, and without the operation that others lack."""
    import jax

    boxes, scores = boxes_and_scores()
    monkeypatch.setattr(module, "_FIRST", 12)
    specs = jax.export.symbolic_args_specs((boxes, scores), ("b, 90, 4", "b, 90"))
    program = jax.export.export(jax.jit(pick_all))(*specs)
    assert "top_k" not in program.mlir_module()
    wanted = jax.jit(pick_all)(boxes, scores)
    received = program.call(boxes[:2], scores[:2])
    for received_one, expected in zip(received, wanted, strict=True):
        assert_close(received_one, to_numpy(expected)[:2])


def test_top_k_keeps_the_order_of_equals():
    random = np.random.default_rng(0)
    scores = (random.integers(0, 5, (4, 60)) / 4).astype("float32")
    scores[1] = random.uniform(0.1, 1, 60)
    scores[2, 3:] = 0
    expected = np.argsort(-scores, axis=-1, kind="stable")[:, :20]
    values, places = (
        to_numpy(x) for x in ops.top_k(keras.ops.convert_to_tensor(scores), 20)
    )
    np.testing.assert_array_equal(values, np.take_along_axis(scores, expected, -1))
    # But for zeros.
    np.testing.assert_array_equal(
        np.where(values > 0, places, -1), np.where(values > 0, expected, -1)
    )
    assert places.dtype == "int32"
    assert all(len(set(row)) == 20 for row in places.tolist())
