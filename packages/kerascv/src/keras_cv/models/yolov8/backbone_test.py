from typing import ClassVar

import keras
import numpy as np
import pytest

from domain_core.testing import BackboneContract, assert_close, to_numpy
from keras_cv.models import ImageClassifier, YOLOV8Backbone

SIZES = {
    "stackwise_channels": [8, 8],
    "stackwise_depth": [1, 1],
    "include_rescaling": True,
}


class TestYOLOV8Backbone(BackboneContract):
    """Its blocks are made of the calls that ResNet's `BlockContract` is about."""

    cls = YOLOV8Backbone
    arguments = SIZES
    output_shapes: ClassVar = (2, 3, 2, 8)
    tensors = 65

    @classmethod
    def inputs(cls):
        rng = np.random.default_rng(0)
        return rng.uniform(0, 255, (2, 17, 10, 3)).astype("float32")


def test_sizes_and_channels():
    sizes = {"stackwise_channels": [4] * 4, "stackwise_depth": [1] * 4}
    options = {**sizes, "include_rescaling": False}
    backbone = YOLOV8Backbone(**options, input_shape=(None, None, 1))
    pyramid = keras.Model(backbone.input, backbone.pyramid_outputs)
    rng = np.random.default_rng(0)
    for height, width in ((64, 32), (65, 50), (1, 1)):
        images = rng.uniform(size=(1, height, width, 1)).astype("float32")
        features = pyramid(images)
        assert list(features) == ["P1", "P2", "P3", "P4", "P5"]
        for level, x in features.items():
            step = 2 ** int(level[1:])
            assert tuple(x.shape[1:3]) == (-(-height // step), -(-width // step))
    assert_close(features["P5"], backbone(images), rtol=0, atol=0)
    assert backbone.output.shape == (None, None, None, 4)
    inputs = keras.Input((64, 32, 1))
    given = YOLOV8Backbone(**options, input_tensor=inputs)
    assert given.get_config()["input_shape"] == (64, 32, 1)
    assert given.output.shape == (None, 2, 1, 4)


def test_activation():
    options = {**SIZES, "include_rescaling": False}
    models = [YOLOV8Backbone(**options, activation=name) for name in ("silu", "relu")]
    models[1].set_weights(models[0].get_weights())
    x = TestYOLOV8Backbone.inputs()
    silu, relu = (to_numpy(model(x)) for model in models)
    assert np.abs(silu - relu).max() > 1e-4
    assert silu.min() < 0 == relu.min()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stackwise_depth": [1]}, "equal length"),
        ({"stackwise_channels": [4, 0]}, "positive"),
        ({"batch_norm_epsilon": -1}, "batch_norm_epsilon"),
        ({"input_shape": (32, 3)}, "input_shape"),
    ],
    ids=str,
)
def test_wrong_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        YOLOV8Backbone(**{**SIZES, **change})


def test_a_classifier_learns():
    classifier = ImageClassifier(YOLOV8Backbone(**SIZES), num_classes=2)
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), "uint8")
    labels = np.arange(4) % 2
    classifier.compile(keras.optimizers.Adam(0.03))
    history = classifier.fit(images, labels, batch_size=4, epochs=15, verbose=0)
    assert history.history["loss"][-1] < 0.1
