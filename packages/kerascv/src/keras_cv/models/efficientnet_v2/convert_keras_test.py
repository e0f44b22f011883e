"""EfficientNetV2's presets of KerasHub, read and written."""

import json
import shutil

import numpy as np
import pytest

from domain_core import without_initialization
from domain_core.testing import assert_close, draw_weights, reference
from keras_cv.models import EfficientNetV2Backbone, ImageClassifier

SIZES = {
    "stackwise_width_coefficients": [1.0, 1.0, 1.0],
    "stackwise_depth_coefficients": [1.0, 1.0, 1.0],
    "stackwise_kernel_sizes": [3, 3, 5],
    "stackwise_num_repeats": [2, 1, 2],
    "stackwise_input_filters": [16, 16, 24],
    "stackwise_output_filters": [16, 24, 40],
    "stackwise_expansion_ratios": [1, 4, 6],
    "stackwise_squeeze_and_excite_ratios": [0, 0.25, 0.25],
    "stackwise_strides": [1, 2, 2],
    "stackwise_block_types": ["cba", "fused", "unfused"],
}
# As published ones are scaled.
SCALED = {
    **SIZES,
    "stackwise_width_coefficients": [0.8, 0.8, 0.8],
    "stackwise_depth_coefficients": [0.9, 0.9, 0.9],
    "stackwise_input_filters": [24, 24, 40],
    "stackwise_output_filters": [24, 40, 48],
    "stackwise_block_types": ["fused", "fused", "unfused"],
    "stackwise_force_input_filters": [24, 0, 0],
    "cap_round_filter_decrease": True,
}


def written_by_hub(folder, *, sizes):
    """Writes a preset of KerasHub's classifier; returns what it computes."""
    import numpy as np
    from keras_hub import models

    from domain_core.testing import draw_weights

    backbone = models.EfficientNetBackbone(**sizes)
    task = models.EfficientNetImageClassifier(backbone, num_classes=3)
    draw_weights(task)
    task.save_to_preset(str(folder / "preset"))
    x = np.random.default_rng(1).uniform(-1, 1, (2, 75, 59, 3)).astype("float32")
    features = backbone.predict_on_batch(x)
    return {"x": x, "features": features, "y": task.predict_on_batch(x)}


def read_by_hub(folder, *, files):
    """Returns what KerasHub computes from a preset."""
    import numpy as np
    from keras_hub import models

    task = models.EfficientNetImageClassifier.from_preset(str(files))
    x = np.random.default_rng(1).uniform(-1, 1, (2, 75, 59, 3)).astype("float32")
    return {"y": task.predict_on_batch(x)}


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param(SIZES, id="plain", marks=pytest.mark.backends),
        pytest.param(SCALED, id="scaled"),
    ],
)
def test_from_keras_hub(sizes):
    folder, expected = reference("keras_hub", written_by_hub, sizes=sizes)
    backbone = EfficientNetV2Backbone.from_preset(folder / "preset")
    assert_close(backbone.predict_on_batch(expected["x"]), expected["features"])
    assert backbone.always_project is (sizes is SCALED)


def test_a_classifier_from_keras_hub():
    folder, expected = reference("keras_hub", written_by_hub, sizes=SIZES)
    task = ImageClassifier.from_preset(folder / "preset")
    assert type(task.backbone) is EfficientNetV2Backbone
    assert_close(task.predict_on_batch(expected["x"]), expected["y"])


def for_hub(**options):
    """Returns a classifier that KerasHub can have, too."""
    backbone = EfficientNetV2Backbone(
        **{
            "include_rescaling": False,
            "width_coefficient": 1.1,
            "depth_coefficient": 1.2,
            "stackwise_kernel_sizes": [3, 3],
            "stackwise_num_repeats": [1, 1],
            "stackwise_input_filters": [8, 8],
            "stackwise_output_filters": [8, 16],
            "stackwise_expansion_ratios": [1, 4],
            "stackwise_squeeze_and_excite_ratios": [0, 0.25],
            "stackwise_strides": [1, 2],
            "stackwise_conv_types": ["fused", "unfused"],
            "padding": "symmetric",
            "depthwise_padding": "same",
            **options,
        }
    )
    return ImageClassifier(backbone, 3, activation=None)


@pytest.mark.parametrize("always_project", [False, True])
def test_to_keras_hub(tmp_path, always_project):
    task = for_hub(always_project=always_project, top_filters=20)
    draw_weights(task)
    task.save_to_preset(tmp_path / "ours", layout="keras")
    answer = reference("keras_hub", read_by_hub, files=tmp_path / "ours").arrays["y"]
    x = np.random.default_rng(1).uniform(-1, 1, (2, 75, 59, 3)).astype("float32")
    assert_close(task.predict_on_batch(x), answer)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding": "same"}, "'padding' can't be expressed"),
        ({"depthwise_padding": None}, "'depthwise_padding'"),
        ({"include_rescaling": True}, "'include_rescaling'"),
    ],
)
def test_what_keras_hub_lacks(tmp_path, options, message):
    with without_initialization():
        task = for_hub(**options)
    with pytest.raises(ValueError, match=message):
        task.save_to_preset(tmp_path / "ours", layout="keras")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stackwise_block_types": ["v1"] * 3}, "Expected a preset of one of"),
        ({"stackwise_block_types": ["cba"] * 3}, "'stackwise_block_types' can't be"),
        ({"projection_activation": "swish"}, "'projection_activation'"),
        ({"include_stem_padding": False}, "'include_stem_padding'"),
        ({"stackwise_nores_option": [True] * 7}, "'stackwise_nores_option'"),
        ({"stackwise_width_coefficients": 1.1}, "arguments that fit each other"),
        ({"stackwise_num_repeats": [2, 2, 2]}, "stages.1.1.* is missing"),
    ],
    ids=str,
)
def test_what_cannot_be_expressed_here(tmp_path, values, message):
    folder, _ = reference("keras_hub", written_by_hub, sizes=SIZES)
    copy = shutil.copytree(folder / "preset", tmp_path / "copy")
    data = json.loads((copy / "config.json").read_text())
    data["config"] |= values
    (copy / "config.json").write_text(json.dumps(data))
    with pytest.raises(ValueError, match=message):
        EfficientNetV2Backbone.from_preset(copy)
