"""ResNet's presets of KerasHub and KerasCV, read and written."""

import contextlib
import json
import shutil
import warnings

import numpy as np
import pytest

from domain_core import without_initialization
from domain_core.images import ImageConverter
from domain_core.preset_errors import PresetCorruptError
from domain_core.testing import assert_close, draw_weights, to_numpy
from keras_cv.models import (
    ImageClassifier,
    ImageClassifierPreprocessor,
    ResNetBackbone,
    ResNetV2Backbone,
)

hub = pytest.importorskip("keras_hub", reason="the reference").models

SIZES = {"filters": [64, 6], "blocks": [2, 1], "strides": [1, 2]}
OURS = {f"stackwise_{name}": value for name, value in SIZES.items()}
CLASSES = {False: ResNetBackbone, True: ResNetV2Backbone}


def theirs(v2=False, block_type="basic_block", **options):
    from keras_hub.layers import ResNetImageConverter

    backbone = hub.ResNetBackbone(
        input_conv_filters=[64],
        input_conv_kernel_sizes=[7],
        **{f"stackwise_num_{name}": value for name, value in SIZES.items()},
        block_type=block_type,
        use_pre_activation=v2,
    )
    converter = ResNetImageConverter(
        image_size=(16, 24), scale=1 / 255, offset=[-0.5, 0.0, 0.25]
    )
    model = hub.ResNetImageClassifier(
        backbone,
        num_classes=3,
        preprocessor=hub.ResNetImageClassifierPreprocessor(converter),
        **options,
    )
    draw_weights(model)
    return model


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Returns KerasHub's ResNet-18 with a head, and its folder."""
    model = theirs(activation="softmax", pooling="max")
    folder = tmp_path_factory.mktemp("keras_hub") / "resnet"
    model.save_to_preset(str(folder))
    return model, folder


@pytest.fixture
def copy(saved, tmp_path):
    """Returns a copy of the preset, to be changed."""
    shutil.copytree(saved[1], tmp_path / "copy")
    return tmp_path / "copy"


def images(height=33, width=50):
    return np.random.default_rng(1).uniform(-1, 1, (2, height, width, 3))


def change(folder, file, **values):
    data = json.loads((folder / file).read_text())
    data["config"] |= values
    (folder / file).write_text(json.dumps(data))


@contextlib.contextmanager
def missing_optimizer():
    """KerasHub keeps the optimizer's state in a preset, and warns where it is not."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        yield


@pytest.mark.parametrize("v2", [False, True])
@pytest.mark.parametrize("block_type", ["basic_block", "bottleneck_block"])
def test_there_and_back(tmp_path, v2, block_type):
    model = theirs(v2, block_type)
    model.save_to_preset(str(tmp_path / "theirs"))
    task = ImageClassifier.from_preset(tmp_path / "theirs")
    assert type(task.backbone) is CLASSES[v2]
    x = images()
    expected = model.predict_on_batch(x)
    assert_close(task.predict_on_batch(x), expected)
    task.save_to_preset(tmp_path / "ours", layout="keras", max_shard_size=1e-4)
    assert (tmp_path / "ours" / "model.weights.json").is_file()
    with missing_optimizer():
        back = hub.ResNetImageClassifier.from_preset(str(tmp_path / "ours"))
    for left, right in zip(back.weights, model.weights, strict=True):
        assert_close(left, right, rtol=0, atol=0)
    # Lists for tuples, as JSON has them.
    left, right = (
        json.loads(json.dumps(m.backbone.get_config() | {"name": ""}))
        for m in (back, model)
    )
    assert left == right
    assert back.pooling == "avg" and back.activation == model.activation


def test_features_and_pyramid(saved):
    model, folder = saved
    backbone = ResNetBackbone.from_preset(folder)
    assert_close(
        backbone.predict_on_batch(images()), model.backbone.predict_on_batch(images())
    )
    assert list(backbone.pyramid_level_inputs) == ["P2", "P3"]
    assert backbone.input_shape == (None, None, None, 3)


def test_head_and_raw_images(saved):
    model, folder = saved
    task = ImageClassifier.from_preset(folder)
    assert (task.pooling, task.activation) == ("max", "softmax")
    for size in ((16, 24), (40, 33), (29, 70)):
        raw = np.random.default_rng(2).uniform(0, 255, (2, *size, 3)).astype("float32")
        received, expected = task.preprocessor(raw), model.preprocessor(raw)
        assert_close(received, to_numpy(expected))
        assert_close(task.predict(raw, verbose=0), model.predict(raw, verbose=0))
        # Theirs and ours round to whole levels in other places.
        raw = raw.astype("uint8")
        difference = task.preprocessor(raw) - to_numpy(model.preprocessor(raw))
        assert abs(difference).max() < 1.01 / 255


def test_image_converters(saved, tmp_path):
    model, folder = saved
    converter = ImageConverter.from_preset(folder)
    assert converter.crop_first and not converter.antialias
    converter = ImageConverter(
        16, crop_first=True, scale=1 / 255, mean=[0.5, 0.4, 0.3], std=[0.2, 0.3, 0.4]
    )
    task = ImageClassifier.from_preset(
        folder, preprocessor=ImageClassifierPreprocessor(converter)
    )
    task.save_to_preset(tmp_path / "ours", layout="keras")
    with missing_optimizer():
        back = hub.ResNetImageClassifier.from_preset(str(tmp_path / "ours"))
    raw = np.random.default_rng(2).uniform(0, 255, (1, 16, 16, 3)).astype("float32")
    assert_close(to_numpy(back.preprocessor(raw)), converter(raw))
    again = ImageConverter.from_preset(tmp_path / "ours")
    assert_close(again(raw), converter(raw))


@pytest.mark.parametrize(
    ("file", "values", "message"),
    [
        ("config.json", {"block_type": "bottleneck_block_vd"}, "'block_type' can't be"),
        ("config.json", {"input_conv_filters": [32, 64]}, "'input_conv_filters' can't"),
        ("config.json", {"input_conv_kernel_sizes": [3]}, "'input_conv_kernel_sizes'"),
        ("config.json", {"stackwise_num_groups": [1]}, "'stackwise_num_groups'"),
        ("task.json", {"dropout": 0.5}, "'dropout' can't be expressed"),
        ("task.json", {"activation": {"x": 1}}, "'activation' can't be expressed"),
        ("image_converter.json", {"pad_to_aspect_ratio": True}, "'pad_to_aspect_"),
        ("image_converter.json", {"image_size": None}, "image_size"),
        ("image_converter.json", {"crop_first": True}, "received 'crop_first'"),
    ],
)
def test_what_cannot_be_expressed_here(copy, file, values, message):
    change(copy, file, **values)
    with pytest.raises(ValueError, match=message):
        ImageClassifier.from_preset(copy)


def fitting(cls, **options):
    """Returns a model that KerasHub has too, but for the options."""
    usual = {
        **OURS,
        "include_rescaling": False,
        "block_type": "basic_block",
        "padding": "symmetric",
        "strided_conv": 1,
        "batch_norm_epsilon": 1e-5,
        "batch_norm_momentum": 0.9,
    }
    if cls is ResNetV2Backbone:
        usual |= {"strided_block": "first", "use_bias": False}
    with without_initialization():
        return cls(**usual | options)


@pytest.mark.parametrize(
    ("cls", "options", "message"),
    [
        (ResNetBackbone, {"include_rescaling": True}, "'include_rescaling' can't"),
        (ResNetBackbone, {"padding": "same"}, "'padding' can't be expressed"),
        (ResNetBackbone, {"strided_conv": 2}, "'strided_conv'"),
        (ResNetBackbone, {"stackwise_filters": [16, 6]}, "'stackwise_filters'"),
        (ResNetBackbone, {"stackwise_strides": [2, 2]}, "'stackwise_strides'"),
        (ResNetV2Backbone, {"strided_block": "last"}, "'strided_block' can't"),
        (ResNetV2Backbone, {"stackwise_dilations": [1, 2]}, "'stackwise_dilations'"),
    ],
)
def test_what_keras_hub_lacks(tmp_path, cls, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        fitting(cls, **options).save_to_preset(tmp_path / "a", layout="keras")
    assert "KerasHub" in str(caught.value)
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("cls", [ResNetBackbone, ResNetV2Backbone])
def test_what_keras_hub_has(tmp_path, cls):
    fitting(cls).save_to_preset(tmp_path / "a", layout="keras")
    assert type(cls.from_preset(tmp_path / "a")) is cls


def test_a_bare_preprocessor_is_of_several_families(tmp_path):
    preprocessor = ImageClassifierPreprocessor(ImageConverter(16))
    with pytest.raises(ValueError, match="of several. Save the model"):
        preprocessor.save_to_preset(tmp_path / "a", layout="keras")


def test_weights_of_another_depth(copy):
    change(copy, "config.json", stackwise_num_blocks=[2, 2])
    with pytest.raises(
        PresetCorruptError, match=r"stages\.1\.1\.conv_1.kernel is miss"
    ):
        ResNetBackbone.from_preset(copy)
