"""What reads models of `keras.applications`; the families' tests compare numbers."""

import keras
import pytest

from domain_core.preset_errors import PresetCorruptError
from domain_core.testing import application, draw_weights, to_numpy
from keras_cv.models import (
    EfficientNetV2Backbone,
    ImageBackbone,
    ImageClassifier,
    MobileNetV3Backbone,
    ResNetBackbone,
)


@pytest.fixture(scope="module")
def model():
    return application("MobileNetV3Small", include_top=True, classes=3)


def test_a_family_is_found_by_its_layers(model):
    assert type(ImageBackbone.from_keras_applications(model)) is MobileNetV3Backbone

    class Own(MobileNetV3Backbone):
        """A user's subclass."""

    assert type(Own.from_keras_applications(model)) is Own
    for cls in (EfficientNetV2Backbone, ResNetBackbone):
        with pytest.raises(ValueError, match=f"for {cls.__name__}, of one of"):
            cls.from_keras_applications(model)


@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNetV2"])
def test_a_family_that_is_not_here(name):
    other = getattr(keras.applications, name)(weights=None, include_top=False)
    with pytest.raises(ValueError, match="families .'EfficientNetV2', 'MobileNetV3'."):
        ImageBackbone.from_keras_applications(other)


def test_both_models_keep_weights_of_their_own(model):
    backbone = ImageBackbone.from_keras_applications(model)
    before = to_numpy(backbone.stem.conv.kernel).copy()
    draw_weights(model, seed=5)
    assert (to_numpy(backbone.stem.conv.kernel) == before).all()


def test_images_are_scaled_before():
    model = application("MobileNetV3Small", include_preprocessing=True)
    with pytest.raises(ValueError, match=r"'rescaling.* `include_preprocessing=False`"):
        ImageBackbone.from_keras_applications(model)


def test_a_classifier_needs_a_head():
    model = application("MobileNetV3Small", include_top=False)
    with pytest.raises(ValueError, match="made with `include_top=True`"):
        ImageClassifier.from_keras_applications(model)


def test_a_model_that_was_changed(model):
    layer = model.get_layer("conv_1_bn")
    extra = keras.layers.Dense(4, name="more")(layer.output)
    with pytest.raises(PresetCorruptError, match="more/vars/0 is not used"):
        ImageBackbone.from_keras_applications(keras.Model(model.input, extra))


def test_more_arguments_of_a_classifier(model):
    names = ["a", "b", "c"]
    task = ImageClassifier.from_keras_applications(
        model, class_names=names, activation=None
    )
    assert (task.class_names, task.activation) == (names, None)
    assert task.hidden.units == 1024
