"""ViT's presets of KerasHub, read and written."""

import json

import numpy as np
import pytest

from domain_core.testing import assert_close, reference
from keras_cv.models import ImageClassifier, ViTBackbone

ARGUMENTS = {
    "image_shape": [32, 48, 3],
    "patch_size": [16, 8],
    "num_layers": 2,
    "num_heads": 2,
    "hidden_dim": 8,
    "mlp_dim": 12,
}
SHAPE = (2, 32, 48, 3)


def random_classifier(folder, arguments, pooling, shape):
    """Writes a preset with random weights; returns what it computes."""
    import keras_hub
    import numpy as np

    backbone = keras_hub.models.ViTBackbone(**arguments)
    model = keras_hub.models.ViTImageClassifier(
        backbone, num_classes=3, pooling=pooling, activation="softmax"
    )
    rng = np.random.default_rng(0)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape) / weight.shape[0] ** 0.5)
    model.save_to_preset(str(folder / "preset"))
    images = np.random.default_rng(1).random(shape, "float32")
    return {
        "backbone": backbone.predict_on_batch(images),
        "task": model.predict_on_batch(images),
    }


def read_classifier(folder, files, shape):
    """Loads a preset; returns what it computes."""
    import json

    import keras_hub
    import numpy as np

    model = keras_hub.models.ViTImageClassifier.from_preset(str(files))
    config = model.backbone.get_config() | {"name": "", "pooling": model.pooling}
    (folder / "config.json").write_text(json.dumps(config))
    images = np.random.default_rng(1).random(shape, "float32")
    return {"task": model.predict_on_batch(images)}


@pytest.mark.parametrize(
    ("options", "pooling"),
    [
        ({}, "token"),
        (
            {
                "use_mha_bias": False,
                "use_mlp_bias": False,
                "use_class_token": False,
                "use_patch_bias": False,
            },
            "gap",
        ),
    ],
    ids=str,
)
def test_there_and_back(tmp_path, options, pooling):
    theirs = reference(
        "keras_hub",
        random_classifier,
        arguments={**ARGUMENTS, **options},
        pooling=pooling,
        shape=SHAPE,
    )
    preset = theirs.folder / "preset"
    x = np.random.default_rng(1).random(SHAPE, "float32")
    backbone = ViTBackbone.from_preset(preset)
    assert_close(backbone.predict_on_batch(x), theirs.arrays["backbone"])
    task = ImageClassifier.from_preset(preset)
    assert_close(task.predict_on_batch(x), theirs.arrays["task"])
    task.save_to_preset(tmp_path / "ours", layout="keras")
    back = reference("keras_hub", read_classifier, files=tmp_path / "ours", shape=SHAPE)
    expected = theirs.arrays["task"]
    assert_close(back.arrays["task"], expected, rtol=1e-6, atol=1e-6)
    received = json.loads((back.folder / "config.json").read_text())
    config = json.loads((preset / "config.json").read_text())["config"]
    assert received == {**config, "name": "", "pooling": pooling}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include_rescaling": True}, "'include_rescaling'"),
        ({"input_shape": (None, None, 3)}, "'input_shape'"),
        ({"pretrain_image_size": 32}, "'pretrain_image_size'"),
        ({"activation": "relu"}, "'activation'"),
        ({"use_output_bias": False}, "'use_output_bias'"),
    ],
    ids=str,
)
def test_what_keras_hub_lacks(tmp_path, options, message):
    backbone = ViTBackbone(
        **{
            "patch_size": 8,
            "num_layers": 1,
            "num_heads": 2,
            "hidden_dim": 8,
            "mlp_dim": 12,
            "input_shape": (16, 16, 3),
            **options,
        }
    )
    with pytest.raises(ValueError, match=message) as caught:
        backbone.save_to_preset(tmp_path / "a", layout="keras")
    assert "KerasHub" in str(caught.value)
    assert not (tmp_path / "a").exists()
