import gc

import pytest

import keras_cv
from domain_core import without_initialization
from keras_cv.models import CSPDarkNetBackbone

PRESETS = CSPDarkNetBackbone.presets
ALIASES = {"Tiny": "tiny", "S": "s", "M": "m", "L": "l", "XL": "xl"}


def test_names():
    names = [*ALIASES.values(), "tiny_imagenet", "l_imagenet"]
    assert sorted(PRESETS) == sorted(f"csp_darknet_{name}" for name in names)
    assert [name for name, preset in PRESETS.items() if preset.handle] == [
        "csp_darknet_tiny_imagenet",
        "csp_darknet_l_imagenet",
    ]


@pytest.mark.parametrize("size", ALIASES)
def test_declared_sizes_are_right(size):
    alias = getattr(keras_cv.models, f"CSPDarkNet{size}Backbone")
    name = f"csp_darknet_{ALIASES[size]}"
    with without_initialization():
        backbone = alias(input_shape=(None, None, 3))
    assert type(backbone) is CSPDarkNetBackbone
    assert backbone.count_params() == PRESETS[name].parameters
    for trained in set(alias.presets) - {name}:
        assert trained == f"{name}_imagenet"
        assert PRESETS[trained].config == PRESETS[name].config
        assert PRESETS[trained].parameters == PRESETS[name].parameters
    del backbone
    gc.collect()  # models are full of cycles
