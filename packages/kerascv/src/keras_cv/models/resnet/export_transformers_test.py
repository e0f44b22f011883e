"""Exported ResNets, loaded by `transformers` and by ourselves."""

import json

import numpy as np
import pytest

from domain_core.images import ImageConverter
from domain_core.testing import assert_close, reference, to_numpy
from keras_cv.models import (
    ImageClassifier,
    ImageClassifierPreprocessor,
    ResNetBackbone,
    ResNetV2Backbone,
)

# What Hugging Face's ResNet always has.
THEIRS = {
    "include_rescaling": False,
    "padding": "symmetric",
    "project_equal_shapes": False,
    "batch_norm_epsilon": 1e-5,
    "batch_norm_momentum": 0.9,
}
SIZES = {
    "stackwise_filters": [4, 6],
    "stackwise_blocks": [2, 1],
    "stackwise_strides": [1, 2],
    "stem_filters": 6,
    "strided_conv": 2,
}


def make_backbone(**options):
    backbone = ResNetBackbone(**{**THEIRS, **SIZES, **options})
    rng = np.random.default_rng(1)
    for weight in backbone.weights:  # norms too, so that none is idle
        positive = 1 if "variance" in weight.name else 0
        weight.assign(rng.uniform(-0.5, 0.5, weight.shape) + positive)
    return backbone


def images(channels=3):
    return np.random.default_rng(0).random((2, 65, 50, channels), "float32")


def read_resnet(folder, files, auto, shape, photo=None):
    """Loads a folder, of which all must fit; returns what is computed."""
    import json

    import numpy as np
    import torch
    import transformers

    cls = getattr(transformers, auto)
    model, info = cls.from_pretrained(files, output_loading_info=True)
    assert not any(info.values())
    with torch.no_grad():
        x = torch.tensor(np.random.default_rng(0).random(shape, "float32"))
        outputs = model.eval()(x.permute(0, 3, 1, 2))
    found = {"output": outputs[0].numpy()}
    if photo:
        processor = transformers.AutoImageProcessor.from_pretrained(
            files, backend="pil"
        )
        pixels = processor(np.random.default_rng(2).integers(0, 256, photo, "uint8"))
        found["pixels"] = np.asarray(pixels.pixel_values[0]).transpose(1, 2, 0)
    config = transformers.AutoConfig.from_pretrained(files)
    (folder / "labels.json").write_text(json.dumps(config.label2id))
    return found


def theirs(auto, files, x, **options):
    return reference(
        "transformers", read_resnet, files=files, auto=auto, shape=x.shape, **options
    )


def assert_same(again, model):
    """Asserts that config and weights are equal, bit for bit."""
    ours, config = model.get_config(), again.get_config()
    for key in ("name", "backbone", "preprocessor"):
        ours.pop(key, None), config.pop(key, None)
    assert config == ours
    received = [to_numpy(weight) for weight in again.weights]
    for ours, expected in zip(received, model.weights, strict=True):
        assert np.array_equal(ours, to_numpy(expected))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strided_conv": 1, "stackwise_strides": [2, 2]},
        {
            "block_type": "basic_block",
            "strided_conv": 1,
            "input_shape": [None] * 2 + [4],
        },
    ],
    ids=str,
)
def test_backbone(tmp_path, options):
    backbone = make_backbone(**options)
    backbone.export_to_transformers(tmp_path / "out")
    x = images(backbone.input_shape[-1])
    expected = theirs("AutoModel", tmp_path / "out", x).arrays["output"]
    received = backbone.predict_on_batch(x)
    assert_close(received, expected.transpose(0, 2, 3, 1))
    assert_same(ResNetBackbone.from_preset(tmp_path / "out"), backbone)


def test_classifier_with_labels_and_image_processor(tmp_path):
    converter = ImageConverter(
        48, crop_ratio=0.75, scale=1 / 255, mean=[0.5, 0.4, 0.3], std=[0.2, 0.2, 0.3]
    )
    task = ImageClassifier(
        make_backbone(),
        2,
        activation=None,
        preprocessor=ImageClassifierPreprocessor(converter),
        class_names=["cat", "dog"],
    )
    task.export_to_transformers(tmp_path / "out")
    photo = (90, 70, 3)
    auto = "AutoModelForImageClassification"
    expected = theirs(auto, tmp_path / "out", images(), photo=photo)
    assert_close(task(images()), expected.arrays["output"])
    labels = json.loads((expected.folder / "labels.json").read_text())
    assert labels == {"cat": 0, "dog": 1}
    again = ImageClassifier.from_preset(tmp_path / "out")
    assert_same(again, task)
    assert again.preprocessor.image_converter.get_config() == converter.get_config()
    pixels = converter(np.random.default_rng(2).integers(0, 256, photo, "uint8"))
    assert_close(pixels, expected.arrays["pixels"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"include_rescaling": True}, "include_rescaling=True comes back as False"),
        ({"padding": "same"}, "padding='same'"),
        ({"project_equal_shapes": True}, "project_equal_shapes=True"),
        ({"batch_norm_epsilon": 1e-3}, "batch_norm_epsilon=0.001"),
        ({"activation": "gelu"}, "activation='gelu'"),
        ({"use_bias": True}, "has no entry"),
        ({"stackwise_strides": [1, 1]}, "stackwise_strides"),
        ({"input_shape": (64, 64, 3)}, "input_shape"),
    ],
)
def test_what_their_config_cannot_express_is_named(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        make_backbone(**options).export_to_transformers(tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_probabilities_cannot_be_expressed(tmp_path):
    task = ImageClassifier(make_backbone(), 2)
    with pytest.raises(ValueError, match="activation='softmax' comes back as None"):
        task.export_to_transformers(tmp_path / "out")


def test_a_family_without_a_map(tmp_path):
    backbone = ResNetV2Backbone(
        stackwise_filters=[4],
        stackwise_blocks=[1],
        stackwise_strides=[1],
        include_rescaling=False,
    )
    with pytest.raises(ValueError, match=r"a ResNetV2Backbone\..*'ResNetBackbone'"):
        backbone.export_to_transformers(tmp_path / "out")
