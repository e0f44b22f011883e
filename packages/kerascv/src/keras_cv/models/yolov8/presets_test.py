import gc

import pytest

from domain_core import without_initialization
from keras_cv.models import YOLOV8Backbone

PRESETS = YOLOV8Backbone.presets
SIZES = ("xs", "s", "m", "l", "xl")


def test_names():
    names = [f"yolo_v8_{size}_backbone" for size in SIZES]
    trained = [f"{name}_coco" for name in names]
    trained.append("yolo_v8_m_pascalvoc")
    assert sorted(PRESETS) == sorted(names + trained)
    assert [name for name, preset in PRESETS.items() if preset.handle] == trained


@pytest.mark.parametrize("size", SIZES)
def test_declared_sizes_are_right(size):
    name = f"yolo_v8_{size}_backbone"
    with without_initialization():
        backbone = YOLOV8Backbone.from_preset(name, load_weights=False)
    assert backbone.count_params() == PRESETS[name].parameters
    assert PRESETS[f"{name}_coco"].parameters == PRESETS[name].parameters
    assert PRESETS[f"{name}_coco"].config == PRESETS[name].config
    del backbone
    gc.collect()  # models are full of cycles
