"""YOLOv8's neck and head by themselves; what they compute is in `parity_test.py`."""

from unittest import mock

import keras
import numpy as np
import pytest

from domain_core import without_initialization
from domain_core.testing import assert_close, to_numpy
from keras_cv.models.yolov8 import PathAggregation, YOLOV8Head, get_anchors

WIDTHS = {"P2": 3, "P3": 4, "P4": 6, "P5": 8}


def maps(height, width):
    """Returns random feature maps of an image."""
    rng = np.random.default_rng(0)
    sizes = {}
    for level, channels in WIDTHS.items():
        stride = 2 ** int(level[1:])
        shape = (2, -(-height // stride), -(-width // stride), channels)
        sizes[level] = rng.normal(size=shape).astype("float32")
    return sizes


def shapes(tensors):
    return {name: tuple(x.shape) for name, x in tensors.items()}


@pytest.mark.parametrize("depth", [1, 3])
def test_depth_is_that_of_both_paths(depth):
    neck = PathAggregation(depth)
    mixed = neck(maps(65, 50))
    features = maps(65, 50)
    del features["P2"]
    assert shapes(mixed) == shapes(features)
    blocks = [neck.top_down_P4, neck.top_down_P3, neck.bottom_up_P4, neck.bottom_up_P5]
    assert [(block.depth, block.shortcut) for block in blocks] == [(depth, False)] * 4
    assert len(neck.weights) == 5 * (4 * (2 + 2 * depth) + 2)
    again = PathAggregation.from_config(neck.get_config())
    assert again.get_config() == neck.get_config()


@pytest.mark.parametrize("classes", [3, 6, 200])
def test_widths_and_first_probabilities(classes):
    head = YOLOV8Head(classes)
    outputs = head(maps(64, 96))
    places = len(get_anchors((64, 96))[0])
    assert shapes(outputs) == {
        "boxes": (2, places, 64),
        "classes": (2, places, classes),
    }
    assert head.box_P3_1_conv.kernel.shape == (3, 3, 4, 64)
    assert head.class_P5_1_conv.kernel.shape == (3, 3, 8, min(max(4, classes), 100))
    probabilities = to_numpy(keras.ops.sigmoid(outputs["classes"]))
    assert 0.007 < probabilities.mean() < 0.014
    assert abs(to_numpy(outputs["boxes"]).mean() - 1) < 0.1
    again = YOLOV8Head.from_config(head.get_config())
    assert again.get_config() == head.get_config()


@pytest.mark.parametrize("size", [None, 64])
def test_symbolic_shapes(size):
    features = {
        level: keras.Input((*[size and size // 2 ** int(level[1:])] * 2, channels))
        for level, channels in WIDTHS.items()
    }
    outputs = YOLOV8Head(3)(PathAggregation(1)(features))
    places = size and len(get_anchors((size, size))[0])
    assert shapes(outputs) == {
        "boxes": (None, places, 64),
        "classes": (None, places, 3),
    }


def make(policy):
    """Returns a neck and a head, without drawing weights, and the model of both."""
    inputs = {
        level: keras.Input(x.shape[1:], name=level) for level, x in maps(32, 32).items()
    }
    with without_initialization():
        neck, head = PathAggregation(1, dtype=policy), YOLOV8Head(3, dtype=policy)
        mixed = neck(inputs)
        model = keras.Model(inputs, head(mixed))
    assert {x.dtype for x in mixed.values()} == {neck.compute_dtype}
    assert {x.dtype for x in model.output.values()} == {"float32"}
    return neck, head, model


def test_half_precision():
    neck, head, half = make("mixed_bfloat16")
    _, _, full = make("float32")
    rng = np.random.default_rng(0)
    for one, other in zip(half.weights, full.weights, strict=True):
        value = rng.normal(size=one.shape) / np.prod(one.shape[:-1]) ** 0.5
        if one.name in ("gamma", "moving_variance"):
            value = rng.uniform(0.5, 1, one.shape)
        assert one.dtype == other.dtype == "float32"
        one.assign(value)
        other.assign(value)
    outputs, expected = (m.predict_on_batch(maps(32, 32)) for m in (half, full))
    for name, x in outputs.items():
        assert x.dtype == "float32"
        assert expected[name].std() > 0.2
        # 8 bits of mantissa, a dozen layers.
        assert np.abs(x - expected[name]).max() < 0.1
        # More bits than that are in use.
        assert (x != keras.ops.convert_to_numpy(_rounded(x))).mean() > 0.9


def test_short_ways_equal_layer_calls():
    neck, head = PathAggregation(1), YOLOV8Head(3)
    expected = head(neck(maps(32, 32)))
    choice = "keras_cv.layers.conv_norm.takes_short_way"
    with mock.patch(choice, lambda *arguments: False):
        assert_close(head(neck(maps(32, 32))), expected)
    neck.trainable = False
    frozen = neck(maps(32, 32), training=True)
    assert_close(frozen, neck(maps(32, 32)), rtol=0, atol=0)


def _rounded(x):
    return keras.ops.cast(keras.ops.cast(x, "bfloat16"), "float32")


def test_the_last_convolutions_keep_float32_where_all_else_is_16_bit():
    neck, head, _ = make("bfloat16")
    assert {w.dtype for w in neck.weights} == {"bfloat16"}
    assert {w.dtype for w in head.weights} == {"bfloat16", "float32"}
    assert head.class_P3_output.kernel.dtype == "float32"


def test_what_they_refuse():
    features = maps(32, 32)
    del features["P4"]
    for layer in (PathAggregation(), YOLOV8Head(3)):
        with pytest.raises(ValueError, match="pyramid_outputs"):
            layer(features)
    with pytest.raises(ValueError, match="pyramid_outputs"):
        PathAggregation()(list(features.values()))
    with pytest.raises(ValueError, match="num_classes"):
        YOLOV8Head(0)
    with pytest.raises(ValueError, match="depth"):
        PathAggregation(0)
