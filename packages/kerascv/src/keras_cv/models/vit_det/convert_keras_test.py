"""ViTDet's presets of KerasHub, read and written."""

import json

import numpy as np
import pytest

from domain_core.testing import assert_close, reference
from keras_cv.models import ViTDetBackbone

ARGUMENTS = {
    "hidden_size": 8,
    "num_layers": 3,
    "intermediate_dim": 12,
    "num_heads": 2,
    "global_attention_layer_indices": [1],
    "image_shape": [64, 64, 3],
    "num_output_channels": 6,
    "window_size": 3,
}
SHAPE = (2, 64, 64, 3)


def random_backbone(folder, arguments, shape):
    """Writes a preset with random weights; returns what it computes."""
    import keras_hub
    import numpy as np

    backbone = keras_hub.models.ViTDetBackbone(**arguments)
    rng = np.random.default_rng(0)
    for weight in backbone.weights:
        weight.assign(rng.normal(size=weight.shape) / weight.shape[0] ** 0.5)
    backbone.save_to_preset(str(folder / "preset"))
    images = np.random.default_rng(1).random(shape, "float32")
    return {"output": backbone.predict_on_batch(images)}


def read_backbone(folder, files, shape):
    """Loads a preset; returns what it computes."""
    import json

    import keras_hub
    import numpy as np

    backbone = keras_hub.models.ViTDetBackbone.from_preset(str(files))
    config = backbone.get_config() | {"name": ""}
    (folder / "config.json").write_text(json.dumps(config))
    images = np.random.default_rng(1).random(shape, "float32")
    return {"output": backbone.predict_on_batch(images)}


@pytest.mark.parametrize(
    "options",
    [{}, {"use_bias": False, "use_abs_pos": False, "use_rel_pos": False}],
    ids=str,
)
def test_there_and_back(tmp_path, options):
    theirs = reference(
        "keras_hub", random_backbone, arguments={**ARGUMENTS, **options}, shape=SHAPE
    )
    preset = theirs.folder / "preset"
    backbone = ViTDetBackbone.from_preset(preset)
    x = np.random.default_rng(1).random(SHAPE, "float32")
    expected = theirs.arrays["output"]
    assert_close(backbone.predict_on_batch(x), expected)
    backbone.save_to_preset(tmp_path / "ours", layout="keras")
    back = reference("keras_hub", read_backbone, files=tmp_path / "ours", shape=SHAPE)
    assert_close(back.arrays["output"], expected, rtol=1e-6, atol=1e-6)
    received = json.loads((back.folder / "config.json").read_text())
    config = json.loads((preset / "config.json").read_text())["config"]
    assert received == {**config, "name": ""}
    # Images of another size than that of the preset.
    free = ViTDetBackbone.from_preset(preset, input_shape=(None, None, 3))
    assert_close(free.predict_on_batch(x), expected)
    assert free.predict_on_batch(x[:, :32]).shape == (2, 2, 4, 6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include_rescaling": True}, "'include_rescaling'"),
        ({"input_shape": (64, 32, 3)}, "of one size, and square"),
        ({"input_shape": (None, None, 3)}, "of one size, and square"),
        ({"pretrain_image_size": 32}, "'pretrain_image_size'"),
        ({"activation": "relu"}, "'activation'"),
        ({"include_normalization": None}, "'include_normalization'"),
    ],
    ids=str,
)
def test_what_keras_hub_lacks(tmp_path, options, message):
    backbone = ViTDetBackbone(
        **{
            "include_rescaling": False,
            "include_normalization": True,
            "input_shape": (64, 64, 3),
            "embed_dim": 8,
            "depth": 1,
            "mlp_dim": 8,
            "num_heads": 2,
            **options,
        }
    )
    with pytest.raises(ValueError, match=message) as caught:
        backbone.save_to_preset(tmp_path / "a", layout="keras")
    assert "KerasHub" in str(caught.value)
    assert not (tmp_path / "a").exists()
