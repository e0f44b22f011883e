import json

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close
from keras_cv.backend_functions_test import BACKEND, compiled
from keras_cv.bounding_box import convert_format
from keras_cv.layers import AnchorGenerator

SIZES, STRIDES = {"P3": 16, "P4": 40.0}, {"P3": 8, "P4": 16}
SCALES, RATIOS = [1.0, 2**0.5], [0.5, 1, 2.0]
SHAPE = (20, 33, 3)


def generator(bounding_box_format="xyxy", **options):
    arguments = {
        "sizes": SIZES,
        "scales": SCALES,
        "aspect_ratios": RATIOS,
        "strides": STRIDES,
    }
    return AnchorGenerator(bounding_box_format, **{**arguments, **options})


def by_hand(size, scales, ratios, stride, clip=False):
    """Boxes "xyxy" of an image of `SHAPE`, one after another."""
    boxes = []
    for row in range(-(-SHAPE[0] // stride)):
        for column in range(-(-SHAPE[1] // stride)):
            for scale in scales:
                for ratio in ratios:
                    y, x = stride / 2 + row * stride, stride / 2 + column * stride
                    height, width = size * scale / ratio**0.5, size * scale * ratio**0.5
                    box = [x - width / 2, y - height / 2, x + width / 2, y + height / 2]
                    limits = [SHAPE[1], SHAPE[0]] * 2
                    if clip:
                        box = [
                            min(max(a, 0), b) for a, b in zip(box, limits, strict=True)
                        ]
                    boxes.append(box)
    return np.array(boxes)


@pytest.mark.parametrize("clip", [False, True])
def test_anchors_are_those_by_hand(clip):
    anchors = generator(clip_boxes=clip)(image_shape=SHAPE)
    assert list(anchors) == ["P3", "P4"]
    for level, boxes in anchors.items():
        expected = by_hand(SIZES[level], SCALES, RATIOS, STRIDES[level], clip)
        assert boxes.dtype == "float32" and type(boxes) is np.ndarray
        assert_close(boxes, expected)
    assert [len(boxes) for boxes in anchors.values()] == [3 * 5 * 6, 2 * 3 * 6]


def test_levels_may_differ_and_be_numbers():
    scales, ratios = {0: [1], 1: [2, 3]}, {0: [1, 2], 1: [1]}
    anchors = generator(
        sizes=[8, 16], strides=[8, 16], scales=scales, aspect_ratios=ratios
    )(image_shape=SHAPE)
    assert list(anchors) == [0, 1]
    for level, (size, stride) in enumerate(zip((8, 16), (8, 16), strict=True)):
        expected = by_hand(size, scales[level], ratios[level], stride)
        assert_close(anchors[level], expected)


@pytest.mark.parametrize("format_name", ["yxyx", "rel_center_xywh"])
def test_formats(format_name):
    expected = generator(clip_boxes=True)(image_shape=SHAPE)
    for level, boxes in generator(format_name, clip_boxes=True)(
        image_shape=SHAPE
    ).items():
        boxes = convert_format(boxes, format_name, "xyxy", image_shape=SHAPE)
        assert_close(boxes, expected[level])


def test_of_images_it_takes_the_size_and_computes_once():
    generate = generator()
    expected = generate(image_shape=SHAPE)
    image = np.zeros(SHAPE, "uint8")
    for images in (image, image[None], keras.ops.convert_to_tensor(image[None])):
        for level, boxes in generate(images).items():
            assert boxes is expected[level]
    with pytest.raises(ValueError, match="read-only"):
        expected["P3"][0] = 0
    for side in range(1, 40):
        generate(image_shape=(side, 8))
    assert len(generate._known) <= 16


@pytest.mark.backends
def test_a_size_may_be_known_later():
    generate = generator("rel_xywh", clip_boxes=True)
    expected = generate(image_shape=SHAPE)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        spec = tf.TensorSpec((None, None, None, 3))
        function = tf.function(lambda x: generate(x), input_signature=[spec])
        found = function(np.zeros((2, *SHAPE), "float32"))
    else:
        # Inside a program the size of an image is known; a tensor's is not.
        size = [keras.ops.convert_to_tensor(x, "int32") for x in SHAPE[:2]]
        found = generate(image_shape=size)
        inside = compiled(lambda x: generate(x))(np.zeros(SHAPE, "float32"))
        assert_close(inside, expected)
    assert all(map(keras.ops.is_tensor, found.values()))
    assert_close(found, expected)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"sizes": [8, 16], "strides": [8, 16]},
        {
            "sizes": {3: 8, 4: 9.5},
            "strides": {3: 8, 4: 16},
            "scales": {3: [1], 4: [1, 2.5]},
        },
    ],
)
def test_config_survives_json(options):
    made = generator("rel_xyxy", clip_boxes=True, name="mine", **options)
    config = made.get_config()
    again = AnchorGenerator.from_config(json.loads(json.dumps(config)))
    assert again.get_config() == config
    assert again.name == "mine" and generator().name == "anchor_generator"
    assert_close(again(image_shape=SHAPE), made(image_shape=SHAPE))
    kept = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(made)
    )
    assert kept.get_config() == config


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strides": {"P3": 8}}, "`sizes` and `strides` of the same levels"),
        ({"sizes": 3}, "`sizes` to be a dict by level"),
        ({"strides": []}, "`strides` to be a dict by level"),
        ({"scales": {"P3": [1]}}, "`scales` of the levels"),
        ({"scales": []}, "`scales` to be a list"),
        ({"scales": {"P3": [1], "P4": 1}}, "`scales` to be a list"),
        ({"aspect_ratios": [1, 0]}, "positive numbers in `aspect_ratios`"),
        ({"sizes": {"P3": 8, "P4": -1}}, "positive numbers in `sizes`"),
        ({"strides": {"P3": 8, "P4": 0.5}}, r"strides\['P4'\]"),
        ({"bounding_box_format": "xy"}, "one of xyxy"),
    ],
)
def test_bad_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        generator(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "one size for all"),
        ({"image_shape": [[8, 8, 3], [9, 9, 3]]}, "one size for all"),
        ({"image": np.zeros(SHAPE), "image_shape": SHAPE}, "received both"),
        ({"image_shape": (None, 8, 3)}, "known height"),
    ],
)
def test_bad_calls(options, message):
    with pytest.raises(ValueError, match=message):
        generator()(**options)
