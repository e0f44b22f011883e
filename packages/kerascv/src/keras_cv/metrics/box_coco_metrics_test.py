import json

import keras
import numpy as np
import pytest

from keras_cv.backend_functions_test import compiled
from keras_cv.metrics import BoxCOCOMetrics, coco_metrics
from keras_cv.metrics.coco_metrics_test import EXPECTED, FOUND, NAMES, TRUTH


def tensors(boxes, first=0, last=None):
    return {
        key: keras.ops.convert_to_tensor(value[first:last])
        for key, value in boxes.items()
    }


def numbers(result):
    return [float(keras.ops.convert_to_numpy(value)) for value in result.values()]


def check(result, expected=EXPECTED):
    """Upstream says 0 where COCO says -1."""
    expected = np.maximum(list(expected.values()), 0)
    np.testing.assert_allclose(numbers(result), expected, rtol=1e-6)


@pytest.mark.backends
def test_result():
    metric = BoxCOCOMetrics("xyxy", evaluate_freq=1)
    for first, last in ((0, 4), (4, 6)):
        metric.update_state(tensors(TRUTH, first, last), tensors(FOUND, first, last))
    result = metric.result()
    assert list(result) == NAMES
    assert all(keras.ops.is_tensor(value) for value in result.values())
    check(result)
    metric.reset_state()
    assert not np.any(numbers(metric.result()))
    check(metric(tensors(TRUTH), tensors(FOUND)))  # as a function


@pytest.mark.backends("jax", "tensorflow")
def test_refuses_to_be_compiled():
    metric = BoxCOCOMetrics("xyxy", evaluate_freq=1)

    def step(boxes):
        metric.update_state({"boxes": boxes, "classes": boxes[..., 0]}, tensors(FOUND))
        return boxes

    with pytest.raises(ValueError, match="PyCOCOCallback"):
        compiled(step)(tensors(TRUTH)["boxes"])


def test_refuses_symbolic_tensors():
    boxes = {
        "boxes": keras.KerasTensor((2, 5, 4)),
        "classes": keras.KerasTensor((2, 5)),
    }
    with pytest.raises(ValueError, match="compiled step"):
        BoxCOCOMetrics("xyxy", 1).update_state(boxes, FOUND)


def test_computes_every_so_often():
    metric = BoxCOCOMetrics("xyxy", evaluate_freq=3)
    seen = []
    for image in range(6):
        metric.update_state(
            tensors(TRUTH, image, image + 1), tensors(FOUND, image, image + 1)
        )
        seen.append(numbers(metric.result()))
    assert seen[0] == seen[1] == [0.0] * 12
    assert seen[2] == seen[3] == seen[4] != seen[1]
    check(metric.result())
    metric.update_state(TRUTH, {**FOUND, "confidence": FOUND["confidence"] * 0 - 1})
    before = numbers(metric.result())
    assert before == seen[5] != numbers(metric.result(force=True))


def test_upstream_way_of_never():
    metric = BoxCOCOMetrics(bounding_box_format="xyxy", evaluate_freq=9e9)
    metric.update_state(TRUTH, FOUND)
    assert numbers(metric.result()) == [0.0] * 12
    check(metric.result(force=True))


@pytest.mark.parametrize(
    ("name", "prefix"),
    [(None, ""), ("box_coco_metrics_2", ""), ("val", "val_"), ("coco", "coco_")],
)
def test_prefix_of_keys(name, prefix):
    metric = BoxCOCOMetrics("xyxy", 1, name)
    assert list(metric.result()) == [prefix + key for key in NAMES]


def test_merge_state():
    parts = []
    for first, last in ((0, 1), (1, 5), (5, 6)):
        parts.append(BoxCOCOMetrics("xyxy", 1))
        parts[-1].update_state(tensors(TRUTH, first, last), tensors(FOUND, first, last))
    parts[0].merge_state(parts[1:])
    check(parts[0].result())
    with pytest.raises(ValueError, match="received Mean"):
        parts[0].merge_state([keras.metrics.Mean()])


def test_classes_and_relative_boxes():
    shape = (120, 120, 3)
    metric = BoxCOCOMetrics(
        "rel_xyxy", 1, image_shape=shape, per_class=True, class_names=["a", "b", "c"]
    )
    pair = []
    for boxes in (TRUTH, FOUND):
        is_padding = boxes["classes"][..., None] < 0
        scaled = np.where(is_padding, -1, boxes["boxes"] / np.float32(120))
        pair.append({**boxes, "boxes": scaled})
    metric.update_state(*pair)
    names = ["a", "b", "c"]
    expected = coco_metrics(TRUTH, FOUND, "xyxy", per_class=True, class_names=names)
    assert list(metric.result()) == list(expected)
    np.testing.assert_allclose(
        numbers(metric.result()), np.maximum(list(expected.values()), 0), atol=1e-6
    )


def test_config():
    metric = BoxCOCOMetrics(
        "rel_xywh", 5, "coco", image_shape=(8, 9, 3), per_class=True
    )
    config = json.loads(json.dumps(metric.get_config()))
    assert config == {
        "bounding_box_format": "rel_xywh",
        "evaluate_freq": 5,
        "name": "coco",
        "image_shape": [8, 9, 3],
        "per_class": True,
        "class_names": None,
    }
    # Not by `keras.metrics.serialize`, which imports TensorFlow.
    name = keras.saving.get_registered_name(BoxCOCOMetrics)
    again = keras.saving.get_registered_object(name).from_config(config)
    assert name == "kerascv>BoxCOCOMetrics" and again.get_config() == config


@pytest.mark.parametrize("frequency", [0, 1.5, "1", None, True])
def test_refuses_frequencies(frequency):
    with pytest.raises(ValueError, match="`evaluate_freq`"):
        BoxCOCOMetrics("xyxy", frequency)


def test_refuses():
    with pytest.raises(ValueError, match="bounding box format"):
        BoxCOCOMetrics("xy", 1)
    with pytest.raises(ValueError, match="no `sample_weight`"):
        BoxCOCOMetrics("xyxy", 1).update_state(TRUTH, FOUND, np.ones(6))
