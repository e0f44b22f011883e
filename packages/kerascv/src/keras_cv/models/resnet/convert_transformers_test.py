"""ResNet against `transformers`, from random tiny configs."""

import json
import shutil

import keras
import numpy as np
import pytest

from domain_core.registry import find_converter
from domain_core.testing import assert_close, reference, to_numpy
from keras_cv.models import ImageClassifier, ResNetBackbone

CONFIG = {"embedding_size": 6, "hidden_sizes": [16, 24], "depths": [2, 1]}


def random_resnet(folder, name, config, shape):
    """Writes a random checkpoint; returns its weights and what it computes."""
    import numpy as np
    import torch
    import transformers

    torch.manual_seed(1)
    if "id2label" in config:  # JSON has no numbers as keys
        config["id2label"] = dict(enumerate(config["id2label"]))
    model = getattr(transformers, name)(transformers.ResNetConfig(**config)).eval()
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if tensor.dtype == torch.float32:  # norms too, so that none is idle
                tensor.copy_(torch.rand_like(tensor) - (0.5 if tensor.ndim else 0))
            if key.endswith("running_var"):
                tensor.add_(1)
        images = torch.tensor(np.random.default_rng(0).random(shape, "float32"))
        outputs = model(images.permute(0, 3, 1, 2), output_hidden_states=True)
    model.save_pretrained(folder)
    found = {key: tensor.numpy() for key, tensor in model.state_dict().items()}
    for index, level in enumerate(outputs.hidden_states):
        found[f"hidden {index}"] = level.permute(0, 2, 3, 1).numpy()
    if "logits" in outputs:
        found["logits"] = outputs.logits.numpy()
    return found


def images(height=65, width=50, channels=3):
    return np.random.default_rng(0).random((2, height, width, channels), "float32")


def saved(name="ResNetModel", x=None, **options):
    """Returns a random checkpoint of a class."""
    shape = (images() if x is None else x).shape
    return reference(
        "transformers",
        random_resnet,
        name=name,
        config={**CONFIG, **options},
        shape=shape,
    )


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
def test_backbone(options):
    check_backbone(options)


@pytest.mark.backends
def test_backbone_on_every_backend():
    check_backbone({"downsample_in_bottleneck": True, "embedding_size": 16})


def check_backbone(options):
    x = images(channels=options.get("num_channels", 3))
    theirs = saved(x=x, **options)
    backbone = ResNetBackbone.from_preset(theirs.folder)
    pyramid = keras.Model(backbone.input, backbone.pyramid_outputs)
    levels = pyramid.predict_on_batch(x)
    # Named by stride: "P2" is what has a quarter of the image's size.
    first = 0 if options.get("downsample_in_first_stage") else 1
    named = {f"P{2 + place}": f"hidden {first + place}" for place in range(3 - first)}
    assert_close(levels, {key: theirs.arrays[name] for key, name in named.items()})


def test_even_sizes():
    theirs = saved(x=images(32, 48))
    received = ResNetBackbone.from_preset(theirs.folder).predict_on_batch(
        images(32, 48)
    )
    assert_close(received, theirs.arrays["hidden 2"])


def test_weights_go_both_ways():
    theirs = saved()
    backbone = ResNetBackbone.from_preset(theirs.folder)
    _, converter = find_converter("transformers", "resnet")
    tensors = converter.weights.to_foreign(backbone.weight_paths())
    written = {name: tensor.read() for name, tensor in tensors.items()}
    expected = {k: v for k, v in theirs.arrays.items() if not k.startswith("hidden")}
    assert_close(written, expected, rtol=0, atol=0)


def test_classifier_head():
    theirs = saved("ResNetForImageClassification", id2label=["a", "b"])
    task = ImageClassifier.from_preset(theirs.folder)
    assert task.class_names == ["a", "b"]
    assert_close(task(images()), theirs.arrays["logits"])


def test_values_that_cannot_be_expressed_raise(tmp_path):
    folder = saved().folder
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


def test_weights_that_do_not_fit_the_config():
    folder = saved().folder
    with pytest.raises(ValueError, match=r"has no place: the model has no stages\.1"):
        ResNetBackbone.from_preset(
            folder, stackwise_filters=[4], stackwise_blocks=[2], stackwise_strides=[1]
        )
    received = ResNetBackbone.from_preset(folder, load_weights=False)
    assert to_numpy(received.stem.conv.kernel.value).std() > 0
