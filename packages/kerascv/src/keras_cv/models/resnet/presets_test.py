import gc

import numpy as np
import pytest

import keras_cv
from domain_core import PresetNetworkError, PresetNotFoundError, without_initialization
from keras_cv.models import ResNetBackbone, ResNetV2Backbone

PRESETS = {**ResNetBackbone.presets, **ResNetV2Backbone.presets}
SMALL = ("resnet18", "resnet18_v2")
MINUTES = [
    pytest.mark.large,
    pytest.mark.backends("torch"),  # sizes do not depend on it
]


def test_names():
    assert len(PRESETS) == 14
    trained = sorted(name for name, preset in PRESETS.items() if preset.handle)
    assert trained == [
        "resnet50_imagenet",
        "resnet50_v2_imagenet",
        "resnet50_v2_imagenet_classifier",
        "retinanet_resnet50_pascalvoc",
    ]


@pytest.mark.parametrize(
    "name",
    [
        *SMALL,
        *(pytest.param(name, marks=MINUTES) for name in PRESETS if name not in SMALL),
    ],
)
def test_declared_sizes_are_right(name):
    with without_initialization():
        backbone = keras_cv.models.Backbone.from_preset(name, load_weights=False)
    assert backbone.count_params() == PRESETS[name].parameters
    assert type(backbone) is (ResNetV2Backbone if "v2" in name else ResNetBackbone)
    del backbone
    gc.collect()  # models are full of cycles, and these take hundreds of megabytes


def test_weights_that_are_not_here(monkeypatch):
    monkeypatch.setenv("DOMAIN_CORE_OFFLINE", "1")
    with pytest.raises(PresetNotFoundError, match="load_weights=False"):
        ResNetBackbone.from_preset("resnet18", load_weights=True)
    with pytest.raises(PresetNetworkError, match="python -m domain_core download"):
        ResNetBackbone.from_preset("resnet50_imagenet", load_weights=True)


@pytest.mark.parametrize("layers", [18, 34, 50, 101, 152])
@pytest.mark.parametrize("version", ["", "V2"])
def test_aliases(layers, version):
    alias = getattr(keras_cv.models, f"ResNet{layers}{version}Backbone")
    cls = ResNetV2Backbone if version else ResNetBackbone
    assert issubclass(alias, cls)
    assert f"`{cls.__name__}`" in alias.__doc__
    assert alias.__module__ == "keras_cv.models.aliases"


def test_an_alias_gives_the_generic_class():
    with without_initialization():
        backbone = keras_cv.models.ResNet18Backbone(False, input_shape=(32, 32, 4))
    assert type(backbone) is ResNetBackbone
    assert backbone.get_config()["input_shape"] == (32, 32, 4)
    assert not backbone.include_rescaling
    with without_initialization():
        other = keras_cv.models.ResNet50Backbone.from_preset("resnet18")
    assert type(other) is ResNetBackbone
    assert "resnet50_imagenet" in keras_cv.models.ResNet50Backbone.presets


def test_appendix_c_of_the_paper():
    backbone = keras_cv.models.ResNetBackbone(
        stackwise_filters=[64, 128, 256, 512],
        stackwise_blocks=[2, 2, 2, 2],
        stackwise_strides=[1, 2, 2, 2],
        include_rescaling=False,
    )
    features = backbone.predict(np.ones((1, 64, 64, 3)), verbose=0)
    assert features.shape == (1, 2, 2, 2048)
