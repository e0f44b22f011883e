"""MobileNetV3 from models of `keras.applications`."""

import numpy as np
import pytest

from domain_core.testing import application, assert_close
from keras_cv.models import ImageClassifier, MobileNetV3Backbone


def images(height, width):
    return np.random.default_rng(1).uniform(-1, 1, (1, height, width, 3))


@pytest.mark.backends
def test_parity():
    model = application("MobileNetV3Small", include_top=False)
    backbone = MobileNetV3Backbone.from_keras_applications(model)
    x = images(75, 59)
    assert_close(backbone.predict_on_batch(x), model.predict_on_batch(x))


@pytest.mark.parametrize("options", [{}, {"alpha": 0.75, "minimalistic": True}])
@pytest.mark.parametrize("size", ["Small", "Large"])
def test_sizes_and_heads(size, options):
    model = application(
        f"MobileNetV3{size}", classes=5, input_shape=(64, 64, 3), **options
    )
    task = ImageClassifier.from_keras_applications(model)
    x = images(64, 64)
    assert_close(task.predict_on_batch(x), model.predict_on_batch(x))
    preset = MobileNetV3Backbone.presets[f"mobilenet_v3_{size.lower()}"]
    same = task.backbone.count_params() == preset.parameters
    assert same is not bool(options)
