"""MobileNetV3's presets of KerasHub, read and written."""

import json
import shutil

import numpy as np
import pytest

from domain_core import without_initialization
from domain_core.testing import assert_close, draw_weights, reference
from keras_cv.models import ImageClassifier, MobileNetV3Backbone

SMALL = {
    "stackwise_expansion": [[72, 88], [96, 240]],
    "stackwise_num_blocks": [2, 2],
    "stackwise_num_filters": [[24, 24], [40, 40]],
    "stackwise_kernel_size": [[3, 3], [5, 5]],
    "stackwise_num_strides": [[2, 1], [2, 1]],
    "stackwise_se_ratio": [[None, None], [0.25, 0.25]],
    "stackwise_activation": [["relu", "relu"], ["hard_swish", "hard_swish"]],
    "stackwise_padding": [[1, 1], [2, 2]],
    "output_num_filters": 1024,
    "depthwise_filters": 16,
    "depthwise_stride": 2,
    "depthwise_residual": False,
    "squeeze_and_excite": 0.5,
    "last_layer_filter": 240,
}
LARGE = {
    **SMALL,
    "depthwise_stride": 1,
    "depthwise_residual": True,
    "squeeze_and_excite": None,
}


def written_by_hub(folder, *, sizes):
    """Writes a preset of KerasHub's classifier; returns what it computes."""
    import numpy as np
    from keras_hub import models

    from domain_core.testing import draw_weights

    backbone = models.MobileNetBackbone(**sizes)
    task = models.MobileNetImageClassifier(backbone, num_classes=3, num_features=20)
    draw_weights(task)
    task.save_to_preset(str(folder / "preset"))
    x = np.random.default_rng(1).uniform(-1, 1, (2, 75, 59, 3)).astype("float32")
    features = backbone.predict_on_batch(x)
    return {"x": x, "features": features, "y": task.predict_on_batch(x)}


def read_by_hub(folder, *, files):
    """Returns what KerasHub computes from a preset."""
    import numpy as np
    from keras_hub import models

    task = models.MobileNetImageClassifier.from_preset(str(files))
    x = np.random.default_rng(1).uniform(-1, 1, (2, 75, 59, 3)).astype("float32")
    return {"y": task.predict_on_batch(x)}


@pytest.mark.parametrize("sizes", [SMALL, LARGE], ids=["small", "large"])
def test_from_keras_hub(sizes):
    folder, expected = reference("keras_hub", written_by_hub, sizes=sizes)
    task = ImageClassifier.from_preset(folder / "preset")
    assert type(task.backbone) is MobileNetV3Backbone
    assert_close(task.backbone.predict_on_batch(expected["x"]), expected["features"])
    assert_close(task.predict_on_batch(expected["x"]), expected["y"])
    assert (task.hidden_units, task.hidden_activation) == (20, "hard_silu")


def for_hub(head=(), **options):
    """Returns a classifier that KerasHub can have, too."""
    backbone = MobileNetV3Backbone(
        **{
            "stackwise_expansion": [1, 4],
            "stackwise_filters": [16, 24],
            "stackwise_kernel_size": [3, 5],
            "stackwise_stride": [2, 2],
            "stackwise_se_ratio": [0.5, 0.25],
            "stackwise_activation": ["relu", "hard_swish"],
            "include_rescaling": False,
            "alpha": 0.6,
            "padding": "symmetric",
            "batch_norm_epsilon": 1e-5,
            "batch_norm_momentum": 0.9,
            **options,
        }
    )
    usual = {"activation": None, "hidden_units": 20, "hidden_activation": "hard_silu"}
    return ImageClassifier(backbone, 3, **{**usual, **dict(head)})


def test_to_keras_hub(tmp_path):
    task = for_hub()
    draw_weights(task)
    task.save_to_preset(tmp_path / "ours", layout="keras")
    answer = reference("keras_hub", read_by_hub, files=tmp_path / "ours").arrays["y"]
    x = np.random.default_rng(1).uniform(-1, 1, (2, 75, 59, 3)).astype("float32")
    assert_close(task.predict_on_batch(x), answer)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"padding": "same"}, "'padding' can't be expressed"),
        ({"batch_norm_epsilon": 1e-3}, "'batch_norm_epsilon'"),
        ({"stackwise_kernel_size": [5, 5]}, "first has 3 pixels"),
        ({"stackwise_expansion": [1, 1]}, "all others have one"),
        ({"head": {"hidden_units": None}}, "'hidden_units'"),
        ({"head": {"hidden_activation": "relu"}}, "'hidden_activation'"),
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
        ({"depthwise_residual": True}, "'depthwise_residual' can't be"),
        ({"output_activation": "relu"}, "'output_activation' can't be"),
        ({"stackwise_padding": [[0, 1], [2, 2]]}, "'stackwise_padding' can't be"),
        ({"stackwise_num_filters": [24, 24]}, "'stackwise_num_filters' can't be"),
        ({"depthwise_filters": 0}, "arguments that fit each other"),
        ({"stackwise_expansion": [[72, 88], [96, 480]]}, "has shape"),
    ],
    ids=str,
)
def test_what_cannot_be_expressed_here(tmp_path, values, message):
    folder, _ = reference("keras_hub", written_by_hub, sizes=SMALL)
    copy = shutil.copytree(folder / "preset", tmp_path / "copy")
    data = json.loads((copy / "config.json").read_text())
    data["config"] |= values
    (copy / "config.json").write_text(json.dumps(data))
    with pytest.raises(ValueError, match=message):
        MobileNetV3Backbone.from_preset(copy)
