import pytest

import keras_cv
from domain_core import without_initialization
from keras_cv.models import ImageClassifier, MobileNetV3Backbone

PRESETS = MobileNetV3Backbone.presets
SIZES = {
    "mobilenet_v3_small": 939_120,
    "mobilenet_v3_large_imagenet_classifier": 3_957_352,
}


def test_names():
    assert len(PRESETS) == 5
    trained = {name for name, preset in PRESETS.items() if preset.handle}
    assert trained == {
        "mobilenet_v3_small_imagenet",
        "mobilenet_v3_large_imagenet",
        "mobilenet_v3_large_imagenet_classifier",
    }
    for name, preset in PRESETS.items():
        untrained = PRESETS[name.partition("_imagenet")[0]]
        assert preset.parameters == untrained.parameters
        assert preset.config == untrained.config


@pytest.mark.parametrize("name", SIZES)
def test_declared_sizes_are_right(name):
    cls = ImageClassifier if "classifier" in name else keras_cv.models.Backbone
    with without_initialization():
        model = cls.from_preset(name, load_weights=False)
    assert model.count_params() == SIZES[name]
    backbone = getattr(model, "backbone", model)
    assert backbone.count_params() == PRESETS[name].parameters
    assert type(backbone) is MobileNetV3Backbone
    assert list(backbone.pyramid_level_inputs) == ["P1", "P2", "P3", "P4", "P5"]


@pytest.mark.parametrize("size", ["Small", "Large"])
def test_aliases(size):
    alias = getattr(keras_cv.models, f"MobileNetV3{size}Backbone")
    assert issubclass(alias, MobileNetV3Backbone)
    assert f"'mobilenet_v3_{size.lower()}'" in alias.__doc__
    with without_initialization():
        backbone = alias(False, input_shape=(32, 32, 4))
    assert type(backbone) is MobileNetV3Backbone
    assert backbone.get_config()["input_shape"] == (32, 32, 4)
    assert not backbone.include_rescaling
