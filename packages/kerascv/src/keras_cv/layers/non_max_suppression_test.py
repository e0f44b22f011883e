import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.backend_functions_test import compiled
from keras_cv.bounding_box.non_max_suppression_test import COUNT, brute_force, check
from keras_cv.layers import MultiClassNonMaxSuppression, NonMaxSuppression

NAMES = ["boxes", "classes", "confidence", "idx", "num_detections"]


def predictions(images=3, boxes=30, classes=4):
    random = np.random.default_rng(0)
    corner = random.uniform(-50, 30, (images, boxes, 2))
    corners = np.concatenate([corner, corner + random.uniform(9, 30, corner.shape)], -1)
    logits = random.normal(0, 2, (images, boxes, classes))
    logits[0, 3:6] = np.nan
    logits[1, :10, 0] = np.nan
    logits[2] = -9
    return corners.astype("float32"), logits.astype("float32")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


@pytest.mark.backends
def test_what_it_finds():
    """Compiled: the best class of each box, whatever the classes."""
    boxes, logits = predictions()
    layer = NonMaxSuppression(
        "xyxy", True, confidence_threshold=0.6, max_detections=COUNT
    )
    found = compiled(lambda *x: layer(*x))(
        *map(keras.ops.convert_to_tensor, (boxes, logits))
    )
    assert sorted(found) == NAMES
    logits = np.where(np.isnan(logits), -np.inf, logits)
    scores = sigmoid(logits.max(-1))
    expected = [
        [(*pick[:2], logits[i, pick[0]].argmax()) for pick in image]
        for i, image in enumerate(
            brute_force(*x, least=0.6) for x in zip(boxes, scores, strict=True)
        )
    ]
    assert [len(image) for image in expected] == [12, 12, 0]
    check(found, expected, boxes)
    assert not {3, 4, 5} & {place for place, *_ in expected[0]}


def test_boxes_of_other_classes_stay():
    boxes = np.array([[[0, 0, 8, 8], [0, 0, 8, 7], [0, 0, 7, 8]]])
    scores = np.array([[[0.9, 0.1], [0.2, 0.8], [0.7, 0.1]]])
    found = NonMaxSuppression("xyxy", False)(boxes, scores)
    assert to_numpy(found["idx"])[0, :2].tolist() == [0, -1]
    found = NonMaxSuppression("xyxy", False, class_aware=True)(boxes, scores)
    assert to_numpy(found["idx"])[0, :3].tolist() == [0, 1, -1]
    assert to_numpy(found["classes"])[0, :3].tolist() == [0, 1, -1]
    # By class, a box may be found in both.
    found = MultiClassNonMaxSuppression("xyxy", False, confidence_threshold=0.15)(
        boxes, scores
    )
    assert to_numpy(found["idx"])[0, :3].tolist() == [0, 1, -1]
    found = MultiClassNonMaxSuppression("xyxy", False, confidence_threshold=0)(
        boxes, np.array([[[0.9, 0.6], [0.2, 0.1], [0.7, 0.1]]])
    )
    assert to_numpy(found["idx"])[0, :3].tolist() == [0, 0, -1]
    assert to_numpy(found["classes"])[0, :3].tolist() == [0, 1, -1]


def test_limit_of_each_class():
    boxes, logits = predictions()
    scores = sigmoid(logits)
    layer = MultiClassNonMaxSuppression(
        "xyxy", False, max_detections=20, max_detections_per_class=2
    )
    found = to_numpy(layer(boxes, scores))
    again = MultiClassNonMaxSuppression(
        "xyxy", True, max_detections=20, max_detections_per_class=2
    )
    assert_close(again(boxes, logits), found)
    classes = found["classes"][0]
    assert [(classes == c).sum() for c in range(4)] == [2, 2, 2, 2]
    assert found["num_detections"].tolist() == [8, 8, 0]


def test_thresholds_may_be_set():
    boxes, logits = predictions()
    layer = NonMaxSuppression("xyxy", True, max_detections=30)
    before = to_numpy(layer(boxes, logits))
    layer.confidence_threshold, layer.iou_threshold = 0.9, 0.9
    layer.max_detections = 25
    after = to_numpy(layer(boxes, logits))
    expected = NonMaxSuppression("xyxy", True, 0.9, 0.9, 25)(boxes, logits)
    assert_close(after, expected)
    assert (after["num_detections"] != before["num_detections"]).any()
    assert layer.get_config()["confidence_threshold"] == 0.9
    layer.iou_threshold = 2
    with pytest.raises(ValueError, match="`iou_threshold`"):
        layer(boxes, logits)


@pytest.mark.parametrize("cls", [NonMaxSuppression, MultiClassNonMaxSuppression])
def test_in_a_model_that_is_saved(cls, tmp_path):
    boxes, logits = predictions()
    inputs = keras.Input((30, 4)), keras.Input((30, 4))
    layer = cls("xyxy", True, 0.4, 0.3, 5, soft_sigma=0.5, dtype="mixed_bfloat16")
    outputs = layer(*inputs)
    assert {name: (x.shape, x.dtype) for name, x in outputs.items()} == {
        "idx": ((None, 5), "int32"),
        "boxes": ((None, 5, 4), "float32"),
        "confidence": ((None, 5), "float32"),
        "classes": ((None, 5), "int32"),
        "num_detections": ((None,), "int32"),
    }
    model = keras.Model(inputs, outputs)
    expected = to_numpy(model([boxes, logits]))
    # Half precision has no pixels: boxes pass as they are.
    count = expected["num_detections"][0]
    np.testing.assert_array_equal(
        expected["boxes"][0, :count], boxes[0, expected["idx"][0, :count]]
    )
    assert_close(model.predict([boxes, logits], verbose=0), expected)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(again([boxes, logits]), expected)
    config = layer.get_config()
    assert cls.from_config(config).get_config() == config


def test_half_precision_of_classes():
    boxes, logits = predictions()
    layer = NonMaxSuppression("xyxy", True)
    found = layer(boxes, keras.ops.cast(logits, "bfloat16"))
    assert keras.backend.standardize_dtype(found["confidence"].dtype) == "float32"
    assert to_numpy(found["num_detections"])[0] > 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("xy", True), "one of xyxy"),
        (("xyxy", True, 2), "`iou_threshold`"),
        (("xyxy", True, 0.5, "a"), "`confidence_threshold`"),
        (("xyxy", True, 0.5, 0.5, 0), "`max_detections`"),
        (("xyxy", True, 0.5, 0.5, 9, 0), "`max_detections_per_class`"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        MultiClassNonMaxSuppression(*arguments)


@pytest.mark.parametrize("cls", [NonMaxSuppression, MultiClassNonMaxSuppression])
def test_bad_shapes(cls):
    layer = cls("xyxy", True)
    for shapes in (((3, 4), (3, 2)), ((1, 3, 4), (1, 3)), ((1, 3, 5), (1, 3, 2))):
        with pytest.raises(ValueError, match=r"\(B, A, C\)"):
            layer(*map(np.zeros, shapes))
    with pytest.raises(ValueError, match=r"\(B, A, C\)"):
        layer(keras.Input((4,)), keras.Input((3, 2)))
    with pytest.raises(ValueError, match=r"`\(B, A, 4\)`"):
        layer(np.zeros((1, 3, 4)), np.zeros((1, 4, 2)))
