from typing import ClassVar

import keras
import numpy as np
import pytest

from domain_core import without_initialization
from domain_core.testing import BackboneContract, assert_close, reference, to_numpy
from keras_cv.models import CSPDarkNetBackbone, ImageClassifier
from keras_cv.models.csp_darknet.blocks import FocusStem

SIZES = {
    "stackwise_channels": [8, 8],
    "stackwise_depth": [1, 1],
    "include_rescaling": True,
}


class TestCSPDarkNetBackbone(BackboneContract):
    """Its blocks are made of the calls that ResNet's `BlockContract` is about."""

    cls = CSPDarkNetBackbone
    arguments = SIZES
    output_shapes: ClassVar = (2, 3, 2, 8)
    tensors = 75

    @classmethod
    def inputs(cls):
        rng = np.random.default_rng(0)
        return rng.uniform(0, 255, (2, 17, 10, 3)).astype("float32")


def csp_darknet(folder, *, channels, depths, height, width):
    """Returns images, weights by our paths, and features by level, in plain torch."""
    import torch
    from torch.nn import functional

    torch.manual_seed(0)
    weights = {}

    def conv(path, x, filters, size=1, stride=1):
        kernel = torch.randn(filters, x.shape[1], size, size)
        kernel /= (x.shape[1] * size * size) ** 0.5
        norm = {
            "gamma": torch.rand(filters) + 0.5,
            "beta": 0.2 * torch.randn(filters),
            "moving_mean": 0.2 * torch.randn(filters),
            "moving_variance": torch.rand(filters) + 0.5,
        }
        weights[f"{path}conv.kernel"] = kernel.permute(2, 3, 1, 0)
        weights.update({f"{path}norm.{name}": value for name, value in norm.items()})
        first = (size - 1) // 2 if stride == 1 else 0
        x = (
            functional.pad(x, [first, (size - 1) // 2 + 1 - first] * 2)
            if size > 1
            else x
        )
        x = functional.conv2d(x, kernel, stride=stride)[..., :height, :width]
        gamma, beta, mean, variance = norm.values()
        x = functional.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)
        return functional.silu(x)

    images = torch.rand(2, 3, height, width)
    even, odd = slice(0, None, 2), slice(1, None, 2)
    x = torch.cat([images[..., h, w] for w in (even, odd) for h in (even, odd)], dim=1)
    x = conv("stem.", x, channels[0] // 2, 3)
    levels = {"P1": x.permute(0, 2, 3, 1)}
    for stage, (filters, depth) in enumerate(zip(channels, depths, strict=True)):
        path, is_last = f"stages.{stage}.", stage == len(depths) - 1
        x = conv(f"{path}0.", x, filters, 3, 2)
        if is_last:
            x = conv(f"{path}1.input_", x, filters // 2)
            pools = [functional.max_pool2d(x, n, 1, n // 2) for n in (5, 9, 13)]
            x = conv(f"{path}1.output_", torch.cat([x, *pools], 1), filters)
        path += "2." if is_last else "1."
        side = conv(f"{path}side_", x, filters // 2)
        x = conv(f"{path}main_", x, filters // 2)
        for index in range(depth):
            y = conv(f"{path}bottleneck_{index}_1_", x, filters // 2)
            y = conv(f"{path}bottleneck_{index}_2_", y, filters // 2, 3)
            x = y if is_last else x + y
        x = conv(f"{path}output_", torch.cat([x, side], 1), filters)
        levels[f"P{stage + 2}"] = x.permute(0, 2, 3, 1)
    arrays = {"images": images.permute(0, 2, 3, 1), **levels, **weights}
    return {name: array.numpy() for name, array in arrays.items()}


@pytest.mark.backends
def test_the_same_features_as_in_plain_torch():
    channels, depths = [8, 12, 16, 20], [1, 2, 1, 2]
    sizes = {"channels": channels, "depths": depths, "height": 64, "width": 96}
    answer = reference("torch", csp_darknet, **sizes).arrays
    with without_initialization():
        backbone = CSPDarkNetBackbone(
            stackwise_channels=channels,
            stackwise_depth=depths,
            include_rescaling=False,
        )
    for path, variable in backbone.weight_paths().items():
        variable.assign(answer.pop(path))
    images = answer.pop("images")
    pyramid = keras.Model(backbone.input, backbone.pyramid_outputs)
    assert_close(pyramid.predict_on_batch(images), answer)
    assert sorted(answer) == ["P1", "P2", "P3", "P4", "P5"]


def test_sizes_and_channels():
    sizes = {"stackwise_channels": [4] * 4, "stackwise_depth": [1] * 4}
    backbone = CSPDarkNetBackbone(
        **sizes, include_rescaling=False, input_shape=(None, None, 1)
    )
    pyramid = keras.Model(backbone.input, backbone.pyramid_outputs)
    rng = np.random.default_rng(0)
    for height, width in ((64, 32), (65, 50), (1, 1)):
        images = rng.uniform(size=(1, height, width, 1)).astype("float32")
        for level, x in pyramid(images).items():
            step = 2 ** int(level[1:])
            assert tuple(x.shape[1:3]) == (-(-height // step), -(-width // step))
    # A row of zeros is what an odd size gets.
    images[:] = 1
    padded = np.pad(images, [[0, 0], [0, 1], [0, 1], [0, 0]])
    assert_close(backbone(images), backbone(padded))
    assert backbone.output.shape == (None, None, None, 4)
    inputs = keras.Input((64, 32, 1))
    given = CSPDarkNetBackbone(**sizes, include_rescaling=False, input_tensor=inputs)
    assert given.get_config()["input_shape"] == (64, 32, 1)
    assert given.output.shape == (None, 2, 1, 4)


@pytest.mark.backends("tensorflow")
def test_a_stem_for_all_sizes():
    import tensorflow as tf

    stem = FocusStem(2)
    signature = [tf.TensorSpec((None, None, None, 3))]
    graph = tf.function(lambda x: stem(x), input_signature=signature)
    for height, width in ((6, 8), (5, 7), (1, 2)):
        x = np.random.default_rng(0).normal(size=(1, height, width, 3))
        x = x.astype("float32")
        assert_close(graph(x), stem(x))


def test_depthwise_convolutions():
    backbone = CSPDarkNetBackbone(**SIZES, use_depthwise=True)
    kernels = {
        path: weight.shape
        for path, weight in backbone.weight_paths().items()
        if "depthwise_conv" in path
    }
    assert kernels == {
        "stages.0.0.depthwise_conv.kernel": (3, 3, 4, 1),
        "stages.0.1.bottleneck_0_depthwise_conv.kernel": (3, 3, 4, 1),
        "stages.1.0.depthwise_conv.kernel": (3, 3, 8, 1),
        "stages.1.2.bottleneck_0_depthwise_conv.kernel": (3, 3, 4, 1),
    }
    x = TestCSPDarkNetBackbone.inputs()
    features = to_numpy(backbone(x))
    assert features.shape == (2, 3, 2, 8)
    assert features.std() > 0
    again = CSPDarkNetBackbone.from_config(backbone.get_config())
    again.set_weights(backbone.get_weights())
    assert_close(again(x), features)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stackwise_depth": [1]}, "equal length"),
        ({"stackwise_channels": [4, 0]}, "positive"),
        ({"batch_norm_momentum": 2}, "batch_norm_momentum"),
        ({"input_shape": (32, 3)}, "input_shape"),
    ],
    ids=str,
)
def test_wrong_arguments(change, message):
    with pytest.raises(ValueError, match=message):
        CSPDarkNetBackbone(**{**SIZES, **change})


def test_a_classifier_learns():
    classifier = ImageClassifier(CSPDarkNetBackbone(**SIZES), num_classes=2)
    images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), "uint8")
    labels = np.arange(4) % 2
    classifier.compile(keras.optimizers.Adam(0.03))
    history = classifier.fit(images, labels, batch_size=4, epochs=15, verbose=0)
    assert history.history["loss"][-1] < 0.1
