import gc

import pytest

import keras_cv
from domain_core import without_initialization
from keras_cv.models import ViTDetBackbone

# Segment Anything declares its own, of the whole model.
PRESETS = {
    name: preset
    for name, preset in ViTDetBackbone.presets.items()
    if preset.task is None
}
ALIASES = {"base": "ViTDetB", "large": "ViTDetL", "huge": "ViTDetH"}


def test_names():
    trained = [f"vitdet_{size}_sa1b" for size in ALIASES]
    assert sorted(PRESETS) == sorted(
        [*trained, *(f"vitdet_{size}" for size in ALIASES)]
    )
    assert [name for name, preset in PRESETS.items() if preset.handle] == trained
    for name in trained:
        untrained = PRESETS[name.removesuffix("_sa1b")]
        assert untrained.parameters == PRESETS[name].parameters


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(size, marks=[pytest.mark.large, pytest.mark.backends("torch")])
        for size in ALIASES
    ],
)
def test_declared_sizes_are_right(size):
    with without_initialization():
        backbone = getattr(keras_cv.models, f"{ALIASES[size]}Backbone")()
    assert type(backbone) is ViTDetBackbone
    assert backbone.include_rescaling and backbone.output_shape == (None, 64, 64, 256)
    assert backbone.count_params() == PRESETS[f"vitdet_{size}"].parameters
    del backbone
    gc.collect()


def test_an_alias_takes_another_size():
    with without_initialization():
        backbone = keras_cv.models.ViTDetBBackbone(
            include_rescaling=False, input_shape=(None, None, 3)
        )
    assert backbone.output_shape == (None, None, None, 256)
    assert backbone.position_embedding.positions.shape == (64, 64, 768)
    assert backbone.count_params() == PRESETS["vitdet_base"].parameters
