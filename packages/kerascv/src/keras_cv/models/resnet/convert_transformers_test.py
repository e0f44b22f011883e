"""ResNet against `transformers`, from random tiny configs."""

import json
import shutil

import keras
import numpy as np
import pytest

from domain_core.registry import find_converter
from domain_core.testing import assert_close, to_numpy
from keras_cv.models import ResNetBackbone

torch = pytest.importorskip("torch", reason="the reference runs on torch")
transformers = pytest.importorskip("transformers", reason="the reference")

CONFIG = {"embedding_size": 6, "hidden_sizes": [16, 24], "depths": [2, 1]}


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    """Writes a random checkpoint of a class, and returns it with its folder."""

    def write(name, **options):
        torch.manual_seed(1)
        config = transformers.ResNetConfig(**{**CONFIG, **options})
        model = getattr(transformers, name)(config).eval()
        with torch.no_grad():
            for tensor in model.state_dict().values():
                if tensor.dtype == torch.float32:  # norms too, so that none is idle
                    tensor.copy_(torch.rand_like(tensor) - (0.5 if tensor.ndim else 0))
            for name, tensor in model.state_dict().items():
                if name.endswith("running_var"):
                    tensor.add_(1)
        folder = tmp_path_factory.mktemp(name)
        model.save_pretrained(folder)
        return model, folder

    return write


def images(height=65, width=50, channels=3):
    return np.random.default_rng(0).random((2, height, width, channels), "float32")


def reference(model, x):
    with torch.no_grad():
        return model(torch.tensor(x).permute(0, 3, 1, 2), output_hidden_states=True)


def channels_last(tensor):
    return tensor.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize(
    "options",
    [
        {"downsample_in_bottleneck": False},
        {"downsample_in_bottleneck": True, "downsample_in_first_stage": True},
        {"layer_type": "basic"},
        # Equal shapes before and after the first stage, where no projection is.
        {"layer_type": "basic", "embedding_size": 16, "num_channels": 4},
        {"embedding_size": 16},
    ],
    ids=str,
)
def test_backbone(save, options):
    model, folder = save("ResNetModel", **options)
    x = images(channels=options.get("num_channels", 3))
    expected = reference(model, x)
    backbone = ResNetBackbone.from_preset(folder)
    pyramid = keras.Model(backbone.input, backbone.pyramid_outputs)
    levels = pyramid.predict_on_batch(x)
    assert_close(levels["P2"], channels_last(expected.hidden_states[1]))
    assert_close(levels["P3"], channels_last(expected.last_hidden_state))


def test_even_sizes(save):
    model, folder = save("ResNetModel")
    expected = reference(model, images(32, 48)).last_hidden_state
    received = ResNetBackbone.from_preset(folder).predict_on_batch(images(32, 48))
    assert_close(received, channels_last(expected))


def test_weights_go_both_ways(save):
    model, folder = save("ResNetModel")
    backbone = ResNetBackbone.from_preset(folder)
    _, converter = find_converter("transformers", "resnet")
    tensors = converter.weights.to_foreign(backbone.weight_paths())
    written = {name: tensor.read() for name, tensor in tensors.items()}
    expected = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    assert_close(written, expected, rtol=0, atol=0)


def test_classifier_head(save):
    from keras_cv.models import ImageClassifier

    model, folder = save("ResNetForImageClassification", id2label={0: "a", 1: "b"})
    task = ImageClassifier.from_preset(folder)
    assert task.class_names == ["a", "b"]
    assert_close(task(images()), reference(model, images()).logits.numpy())


def test_values_that_cannot_be_expressed_raise(save, tmp_path):
    _, folder = save("ResNetModel")
    for key, value in {
        "layer_type": "wide",
        "hidden_act": "gelu",
        "hidden_sizes": [18, 24],
    }.items():
        changed = tmp_path / key
        shutil.copytree(folder, changed)
        config = json.loads((changed / "config.json").read_text())
        (changed / "config.json").write_text(json.dumps({**config, key: value}))
        with pytest.raises(ValueError, match=key):
            ResNetBackbone.from_preset(changed)


def test_weights_that_do_not_fit_the_config(save):
    _, folder = save("ResNetModel")
    with pytest.raises(ValueError, match=r"has no place: the model has no stages\.1"):
        ResNetBackbone.from_preset(
            folder, stackwise_filters=[4], stackwise_blocks=[2], stackwise_strides=[1]
        )
    received = ResNetBackbone.from_preset(folder, load_weights=False)
    assert to_numpy(received.stem.conv.kernel.value).std() > 0
