"""What all detectors do, whatever they are made of."""

import sys

import keras
import numpy as np
import pytest

from domain_core.testing.values import assert_close, to_numpy
from keras_cv.bounding_box.formats import FORMATS, is_relative
from keras_cv.layers import NonMaxSuppression
from keras_cv.metrics import BoxCOCOMetrics
from keras_cv.models import (
    DetectionRecipe,
    ObjectDetector,
    ResNetBackbone,
    RetinaNet,
    YOLOV8Detector,
)
from keras_cv.models.detection_model import restore
from keras_cv.testing.shapes import draw_shapes
from keras_cv.testing.tiny_detectors import spread_scores, tiny_retinanet, tiny_yolov8

# The family-independent entry


@pytest.mark.parametrize(
    ("preset", "cls"),
    [("resnet18", RetinaNet), ("yolo_v8_xs_backbone", YOLOV8Detector)],
)
def test_from_preset_chooses_the_detector(preset, cls):
    task = ObjectDetector.from_preset(
        preset,
        load_weights=False,
        num_classes=3,
        bounding_box_format="xywh",
        class_names=["a", "b", "c"],
    )
    assert type(task) is cls
    assert task.bounding_box_format == "xywh" and task.class_names == ["a", "b", "c"]
    assert task.preprocessor.bounding_box_format == "xywh"
    assert task.backbone.count_params() > 1e6


# Metrics


def test_metrics_of_boxes():
    images, boxes = draw_shapes(6)
    task = spread_scores(tiny_retinanet(class_names=["rectangle", "disc"]))
    # However seldom it is to compute, `evaluate` does.
    metric = BoxCOCOMetrics("xyxy", evaluate_freq=100, name="coco", per_class=True)
    task.compile(optimizer=keras.optimizers.SGD(0.0), metrics=[metric])
    options = {"batch_size": 2, "verbose": 0}
    scores = task.evaluate(images, boxes, return_dict=True, **options)
    from keras_cv.metrics import coco_metrics

    found = task.predict(images, **options)
    expected = coco_metrics(boxes, found, "xyxy")
    assert 0 < expected["Recall@[max_detections=100]"] <= 1
    for name, value in expected.items():
        same = [key for key in scores if key.endswith(name)]
        assert len(same) == 1
        assert scores[same[0]] == pytest.approx(max(value, 0.0), abs=1e-6)
    listed = task.evaluate(images, boxes, **options)
    assert sorted(scores.values()) == pytest.approx(sorted(listed), abs=1e-6)
    history = task.fit(
        images, boxes, validation_data=(images, boxes), epochs=2, **options
    ).history
    for name in scores:
        assert len(history[f"val_{name}"]) == 2, name
    again = task.evaluate(images, boxes, return_dict=True, **options)
    assert set(history) == {*task.metrics_names, *(f"val_{name}" for name in scores)}
    # Batch norm has learned meanwhile; the last evaluation is that of the last epoch.
    assert {k: v[-1] for k, v in history.items() if k.startswith("val_")} == (
        pytest.approx({f"val_{k}": v for k, v in again.items()}, rel=1e-4, abs=1e-6)
    )


@pytest.mark.backends
def test_metrics_of_a_part():
    images, boxes = draw_shapes(6)
    task = spread_scores(tiny_retinanet())
    task.compile(metrics=BoxCOCOMetrics("xyxy", evaluate_freq=1))
    options = {"batch_size": 2, "verbose": 0, "return_dict": True}
    part = task.evaluate(images, boxes, steps=2, **options)
    first = {key: rows[:4] for key, rows in boxes.items()}
    assert part == pytest.approx(task.evaluate(images[:4], first, **options), abs=1e-6)


# From pixels back to the images


def to_format(left, top, right, bottom, name, sizes):
    """Returns boxes of a format, one number at a time."""
    width, height = right - left, bottom - top
    rows = {
        "xyxy": (left, top, right, bottom),
        "yxyx": (top, left, bottom, right),
        "xywh": (left, top, width, height),
        "center_xywh": (left + width / 2, top + height / 2, width, height),
        "center_yxhw": (top + height / 2, left + width / 2, height, width),
    }[name.removeprefix("rel_")]
    boxes = np.stack(rows, axis=-1)
    if is_relative(name):
        first, second = sizes[:, 1], sizes[:, 0]  # width, height
        if name.endswith(("yxyx", "yxhw")):
            first, second = second, first
        boxes = boxes / np.stack([first, second] * 2, axis=-1)[:, None]
    return boxes


@pytest.mark.backends
def test_boxes_are_brought_back():
    """Against plain NumPy, in all formats."""
    draw = np.random.default_rng(0)
    count, shape = 3, (64, 96)
    corner = draw.uniform(0, 50, (2, count, 5))
    left, top, right, bottom = *corner, *(corner + draw.uniform(1, 40, corner.shape))
    placements = np.array(
        [[2, 0.5, 3, -1, 40, 30], [1, 1, 0, 0, 64, 96], [0.3, 0.3, 0, 8, 500, 400]],
        "float32",
    )
    scale, shift = placements[:, None, :2], placements[:, None, 2:4]
    sizes = placements[:, 4:]
    expected = [
        np.clip(
            (x - shift[..., i % 2]) / scale[..., i % 2], 0, sizes[:, None, 1 - i % 2]
        )
        for i, x in enumerate((left, top, right, bottom))
    ]
    for name in FORMATS:
        given = to_format(
            left, top, right, bottom, name, np.array([shape] * count, "float64")
        ).astype("float32")
        given[1, 3:] = -1
        back = to_format(*expected, name, sizes)
        back[1, 3:] = -1
        received = restore(
            keras.ops.convert_to_tensor(given),
            name,
            shape,
            keras.ops.convert_to_tensor(placements),
        )
        # Relative to 500 pixels float32 has 3e-5 of a pixel.
        assert_close(to_numpy(received), back, rtol=1e-5, atol=1e-4)


# What chooses among the boxes


def test_prediction_decoder_is_replaced():
    images, _ = draw_shapes(2)
    task = spread_scores(tiny_retinanet())
    assert task.predict(images, verbose=0)["boxes"].shape == (2, 100, 4)
    few = NonMaxSuppression("xyxy", True, confidence_threshold=0.1, max_detections=7)
    task.prediction_decoder = few
    assert task.prediction_decoder is few
    found = task.predict(images, verbose=0)
    assert found["boxes"].shape == (2, 7, 4)
    decoded = task.decode_predictions(task(images.astype("float32")), images)
    assert_close(found["confidence"], decoded["confidence"])
    with pytest.raises(ValueError, match="of the detector's format, 'xyxy'"):
        task.prediction_decoder = NonMaxSuppression("xywh", True)
    with pytest.raises(ValueError, match="of the detector's format, 'xywh'"):
        tiny_yolov8(2, "xywh", prediction_decoder=NonMaxSuppression("xyxy", True))
    assert task.prediction_decoder is few


# The recipe


def norms(model):
    from domain_core.weights.weight_paths import layers_of

    kind = keras.layers.BatchNormalization
    return [layer for layer in layers_of(model) if isinstance(layer, kind)]


def test_frozen_batch_norm():
    images, boxes = draw_shapes(2)
    task = tiny_yolov8()
    task.compile(recipe=DetectionRecipe(10, batch_norm="frozen", mosaic=0.0, seed=0))
    assert norms(task.backbone) and not any(n.trainable for n in norms(task.backbone))
    before = [
        [to_numpy(weight) for weight in layer.weights] for layer in norms(task.backbone)
    ]
    kernel = task.backbone.trainable_variables[0]
    start = to_numpy(kernel)
    task.fit(images, boxes, batch_size=2, epochs=2, verbose=0)
    for layer, weights in zip(norms(task.backbone), before, strict=True):
        for weight, old in zip(layer.weights, weights, strict=True):
            np.testing.assert_array_equal(to_numpy(weight), old)
    assert np.abs(to_numpy(kernel) - start).max() > 0
    task.compile(recipe=DetectionRecipe(10))
    assert all(layer.trainable for layer in norms(task.backbone))


@pytest.mark.backends("torch", "jax")
def test_synchronized_batch_norm_where_there_is_none():
    with pytest.raises(ValueError, match='"batch" or "frozen"'):
        tiny_yolov8().compile(recipe=DetectionRecipe(10, batch_norm="synchronized"))


def test_averaged_weights_are_evaluated_and_kept():
    images, boxes = draw_shapes(2)
    task = tiny_yolov8()
    task.compile(recipe=DetectionRecipe(4, ema_momentum=0.5, mosaic=0.0, seed=0))
    task.fit(images, boxes, batch_size=2, epochs=4, verbose=0)
    averages = task.optimizer._model_variables_moving_average
    for weight, average in zip(task.trainable_variables, averages, strict=True):
        assert_close(weight, average)


# Input that does not fit


def test_small_images_are_filled_up():
    task = spread_scores(tiny_yolov8())
    image = draw_shapes(1, 20)[0][0]
    found = task.predict([image, image[:7, :9]], verbose=0)
    corners = found["boxes"][found["classes"] >= 0]
    assert len(corners) and (corners >= 0).all() and (corners <= 20).all()
    second = found["boxes"][1][found["classes"][1] >= 0]
    assert (second <= [9, 7, 9, 7]).all()
    logs = task.train_on_batch(
        [image], {"boxes": [[[2, 2, 12, 12]]], "classes": [[0]]}, return_dict=True
    )
    assert np.isfinite(list(logs.values())).all()


def test_a_backbone_without_a_level():
    shallow = ResNetBackbone(
        stackwise_filters=[4, 4, 4],
        stackwise_blocks=[1, 1, 1],
        stackwise_strides=[1, 2, 2],
        include_rescaling=True,
        block_type="basic_block",
    )
    for cls in (RetinaNet, YOLOV8Detector):
        with pytest.raises(ValueError, match=r"\['P5'\] are missing.*more stages"):
            cls(shallow, 2)


BOXES = {"boxes": [[[1, 1, 9, 9]]], "classes": [[0]]}


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros((1, 32, 32, 3)), {"boxes": BOXES["boxes"]}, "classes"),
        (np.zeros((1, 32, 32, 3)), {"classes": BOXES["classes"]}, "boxes"),
        ({"images": np.zeros((1, 32, 32, 3)), "labels": [[0]]}, None, "labels"),
        ({"image": np.zeros((1, 32, 32, 3))}, BOXES, "Rename or drop"),
        (
            {"images": np.zeros((1, 32, 32, 3)), "bounding_boxes": BOXES},
            BOXES,
            "boxes once",
        ),
        ([np.zeros((32, 32))], BOXES, r"\(32, 32\)"),
        (np.zeros((1, 32, 32)), BOXES, r"received a single one.*list"),
        (np.zeros((2, 32, 32, 3)), BOXES, "samples|images"),
        (np.zeros((1, 32, 32, 3)), None, "boxes to learn"),
    ],
)
def test_samples_that_do_not_fit(x, y, message):
    with pytest.raises(ValueError, match=message):
        tiny_yolov8().fit(x, y, verbose=0)


def test_arguments_that_do_not_fit():
    with pytest.raises(ValueError, match="one of xyxy.*'xyxyz'"):
        tiny_yolov8(2, "xyxyz")
    with pytest.raises(ValueError, match="class names"):
        tiny_yolov8().name_predictions({})


def test_one_number_for_height_and_width(monkeypatch):
    sizes = []
    monkeypatch.setattr(
        sys.modules[ObjectDetector.__module__],
        "export_detection",
        lambda model, path, format, size, verbose: sizes.append(size),
    )
    task = tiny_yolov8()
    task.export("never", image_size=64)
    task.export("never", image_size=(64, 96))
    assert sizes == [(64, 64), (64, 96)]
    with pytest.raises(ValueError, match="`image_size`"):
        task.export("never", image_size=0.5)
