import gc

import pytest

import keras_cv
from domain_core import without_initialization
from keras_cv.models import EfficientNetV2Backbone, ImageClassifier

PRESETS = EfficientNetV2Backbone.presets
SIZES = {
    "efficientnetv2_b0": 5_919_312,
    "efficientnetv2_b1": 6_931_124,
    "efficientnetv2_b2": 8_769_374,
    "efficientnetv2_b3": 12_930_622,
    "efficientnetv2_s": 20_331_360,
    "efficientnetv2_m": 53_150_388,
    "efficientnetv2_l": 117_746_848,
    "efficientnetv2_b0_imagenet_classifier": 7_200_312,
    "efficientnetv2_b1_imagenet_classifier": 8_212_124,
    "efficientnetv2_b2_imagenet_classifier": 10_178_374,
    "efficientnetv2_s_imagenet_classifier": 21_612_360,
}
# One by each of the coefficients.
SMALL = ("efficientnetv2_b2", "efficientnetv2_b0_imagenet_classifier")
MINUTES = [
    pytest.mark.large,
    pytest.mark.backends("torch"),  # sizes do not depend on it
]


def test_names():
    assert len(PRESETS) == 15
    trained = {name for name, preset in PRESETS.items() if preset.handle}
    assert trained == {
        f"efficientnetv2_{size}_imagenet{task}"
        for size in ("b0", "b1", "b2", "s")
        for task in ("", "_classifier")
    }
    for name, preset in PRESETS.items():
        untrained = PRESETS[name.partition("_imagenet")[0]]
        assert preset.parameters == untrained.parameters
        assert preset.config == untrained.config


@pytest.mark.parametrize(
    "name",
    [n if n in SMALL else pytest.param(n, marks=MINUTES) for n in SIZES],
)
def test_declared_sizes_are_right(name):
    cls = ImageClassifier if "classifier" in name else keras_cv.models.Backbone
    with without_initialization():
        model = cls.from_preset(name, load_weights=False)
    assert model.count_params() == SIZES[name]
    backbone = getattr(model, "backbone", model)
    assert backbone.count_params() == PRESETS[name].parameters
    assert type(backbone) is EfficientNetV2Backbone
    levels = {
        level: backbone.get_layer(layer).output.shape[3]
        for level, layer in backbone.pyramid_level_inputs.items()
    }
    assert list(levels) == ["P1", "P2", "P3", "P4", "P5"]
    del model, backbone
    gc.collect()  # models are full of cycles, and these take hundreds of megabytes


@pytest.mark.parametrize("size", ["B0", "B1", "B2", "B3", "S", "M", "L"])
def test_aliases(size):
    alias = getattr(keras_cv.models, f"EfficientNetV2{size}Backbone")
    assert issubclass(alias, EfficientNetV2Backbone)
    assert f"'efficientnetv2_{size.lower()}'" in alias.__doc__
