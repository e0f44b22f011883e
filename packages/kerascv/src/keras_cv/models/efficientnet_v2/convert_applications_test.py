"""EfficientNetV2 from models of `keras.applications`."""

import numpy as np
import pytest

from domain_core.testing import application, assert_close
from keras_cv.models import EfficientNetV2Backbone, ImageClassifier

MINUTES = [pytest.mark.large, pytest.mark.backends("torch")]


def images(height, width):
    return np.random.default_rng(1).uniform(-1, 1, (1, height, width, 3))


@pytest.mark.parametrize(
    "everywhere",
    # It takes as long as all else of this family; MobileNetV3's is as deep.
    [False, pytest.param(True, marks=[pytest.mark.large, pytest.mark.backends])],
)
def test_parity(everywhere):
    model = application("EfficientNetV2B0", include_top=False)
    backbone = EfficientNetV2Backbone.from_keras_applications(model)
    x = images(75, 59)
    assert_close(backbone.predict_on_batch(x), model.predict_on_batch(x))


@pytest.mark.parametrize(
    "size",
    ["B0", *(pytest.param(size, marks=MINUTES) for size in ("B1", "B2", "B3", *"SML"))],
)
def test_sizes_and_heads(size):
    model = application(f"EfficientNetV2{size}", classes=5, input_shape=(64, 64, 3))
    task = ImageClassifier.from_keras_applications(model)
    x = images(64, 64)
    assert_close(task.predict_on_batch(x), model.predict_on_batch(x))
    name = f"efficientnetv2_{size.lower()}"
    preset = EfficientNetV2Backbone.presets[name]
    assert task.backbone.count_params() == preset.parameters
    for key in ("conv_types", "strides", "kernel_sizes"):
        key = f"stackwise_{key}"
        assert task.backbone.get_config()[key] == preset.config[key]
