"""ViT against `transformers`, from random tiny configs."""

import json
import shutil

import numpy as np
import pytest

from domain_core.images import ImageConverter
from domain_core.testing import assert_close, reference
from keras_cv.models import ImageClassifier, ImageClassifierPreprocessor, ViTBackbone

CONFIG = {
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "image_size": 32,
    "patch_size": 8,
}


def random_vit(folder, name, config, shape):
    """Writes a random checkpoint; returns its weights and what it computes."""
    import numpy as np
    import torch
    import transformers

    torch.manual_seed(0)
    if "id2label" in config:  # JSON has no numbers as keys
        config["id2label"] = dict(enumerate(config["id2label"]))
    model = getattr(transformers, name)(transformers.ViTConfig(**config)).eval()
    images = torch.tensor(np.random.default_rng(0).random(shape, "float32"))
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.copy_(torch.rand_like(tensor) - 0.5)
        outputs = model(images.permute(0, 3, 1, 2), interpolate_pos_encoding=True)
    model.save_pretrained(folder)
    return {"output": outputs[0].numpy()}


def images(height=32, width=32, channels=3):
    return np.random.default_rng(0).random((2, height, width, channels), "float32")


def saved(name="ViTModel", x=None, **options):
    """Returns a random checkpoint of a class."""
    shape = (images() if x is None else x).shape
    return reference(
        "transformers",
        random_vit,
        name=name,
        config={**CONFIG, **options},
        shape=shape,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"qkv_bias": False, "num_channels": 4, "hidden_act": "relu"},
        {"layer_norm_eps": 1e-2, "image_size": [32, 32]},
    ],
    ids=str,
)
def test_backbone(options):
    x = images(channels=options.get("num_channels", 3))
    theirs = saved(x=x, **options)
    backbone = ViTBackbone.from_preset(theirs.folder)
    assert_close(backbone.predict_on_batch(x), theirs.arrays["output"])


@pytest.mark.backends
def test_another_size_than_that_of_the_positions():
    x = images(48, 16)
    theirs = saved(x=x)
    backbone = ViTBackbone.from_preset(theirs.folder, input_shape=(None, None, 3))
    assert_close(backbone.predict_on_batch(x), theirs.arrays["output"])


def test_classifier():
    name = "ViTForImageClassification"
    theirs = saved(name, id2label=["cat", "dog", "cow"])
    task = ImageClassifier.from_preset(theirs.folder)
    assert (task.pooling, task.class_names) == ("token", ["cat", "dog", "cow"])
    assert_close(task.predict_on_batch(images()), theirs.arrays["output"])


def read_vit(folder, files, auto, shape, photo=None):
    """Loads a folder, of which all must fit; returns what is computed."""
    import numpy as np
    import torch
    import transformers

    cls = getattr(transformers, auto)
    options = {"add_pooling_layer": False} if auto == "ViTModel" else {}
    model, info = cls.from_pretrained(files, output_loading_info=True, **options)
    assert not any(info.values())
    images = torch.tensor(np.random.default_rng(0).random(shape, "float32"))
    with torch.no_grad():
        found = {"output": model.eval()(images.permute(0, 3, 1, 2))[0].numpy()}
    if photo:
        processor = transformers.AutoImageProcessor.from_pretrained(
            files, backend="pil"
        )
        pixels = processor(np.random.default_rng(2).integers(0, 256, photo, "uint8"))
        found["pixels"] = np.asarray(pixels.pixel_values[0]).transpose(1, 2, 0)
    return found


def test_export(tmp_path):
    backbone = ViTBackbone.from_preset(saved().folder)
    backbone.export_to_transformers(tmp_path / "backbone")
    x = images()
    expected = reference(
        "transformers",
        read_vit,
        files=tmp_path / "backbone",
        auto="ViTModel",
        shape=x.shape,
    )
    assert_close(backbone.predict_on_batch(x), expected.arrays["output"])
    again = ViTBackbone.from_preset(tmp_path / "backbone")
    assert again.get_config() == {**backbone.get_config(), "name": again.name}

    converter = ImageConverter(
        32, crop_to_aspect_ratio=False, scale=1 / 255, mean=[0.5] * 3, std=[0.5] * 3
    )
    task = ImageClassifier(
        backbone,
        2,
        pooling="token",
        activation=None,
        preprocessor=ImageClassifierPreprocessor(converter),
        class_names=["cat", "dog"],
    )
    task.export_to_transformers(tmp_path / "task")
    photo = (50, 40, 3)
    expected = reference(
        "transformers",
        read_vit,
        files=tmp_path / "task",
        auto="AutoModelForImageClassification",
        shape=x.shape,
        photo=photo,
    )
    assert_close(task(x), expected.arrays["output"])
    pixels = converter(np.random.default_rng(2).integers(0, 256, photo, "uint8"))
    assert_close(pixels, expected.arrays["pixels"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include_rescaling": True}, "include_rescaling=True comes back as False"),
        ({"use_mlp_bias": False}, "use_mlp_bias=False"),
        ({"use_class_token": False}, "use_class_token=False"),
        ({"use_output_bias": False}, "use_output_bias=False"),
        ({"activation": "tanh"}, "activation"),
    ],
    ids=str,
)
def test_what_their_config_cannot_express_is_named(tmp_path, options, message):
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
    with pytest.raises(ValueError, match=message):
        backbone.export_to_transformers(tmp_path / "out")


def test_a_pooled_average_cannot_be_expressed(tmp_path):
    backbone = ViTBackbone.from_preset(saved().folder)
    task = ImageClassifier(backbone, 2, activation=None)
    with pytest.raises(ValueError, match="pooling='avg' comes back as 'token'"):
        task.export_to_transformers(tmp_path / "out")


def test_values_that_cannot_be_read(tmp_path):
    folder = tmp_path / "changed"
    shutil.copytree(saved().folder, folder)
    config = json.loads((folder / "config.json").read_text())
    for key, value in {"hidden_act": "tanh", "image_size": [32]}.items():
        (folder / "config.json").write_text(json.dumps({**config, key: value}))
        with pytest.raises(ValueError, match=key):
            ViTBackbone.from_preset(folder)
