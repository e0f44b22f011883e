import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.layers import FeaturePyramid


def maps(sizes, channels=(3, 5, 7)):
    random = np.random.default_rng(0)
    return {
        level: random.normal(size=(2, *size, width)).astype("float32")
        for level, (size, width) in enumerate(zip(sizes, channels, strict=True), 3)
    }


# Few shapes for all tests: JAX compiles each operation anew for each.
HALVES = [(12, 8), (6, 4), (3, 2)]
ODD = [(9, 7), (5, 4), (3, 2)]


def identities():
    return {level: keras.layers.Identity() for level in (3, 4, 5)}


def randomize(layer):
    random = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape))


def test_top_down_path_is_that_of_transformers():
    torch = pytest.importorskip("torch")
    from transformers import Sam2VisionConfig
    from transformers.models.sam2.modeling_sam2 import Sam2VisionNeck

    config = Sam2VisionConfig(
        backbone_channel_list=[7, 5, 3],
        fpn_hidden_size=4,
        fpn_top_down_levels=[0, 1, 2],
    )
    peer = Sam2VisionNeck(config)
    layer = FeaturePyramid(3, 5, num_channels=4, output_layers=identities())
    features = maps(HALVES)
    layer.build({level: x.shape for level, x in features.items()})
    for level, convolution in zip((5, 4, 3), peer.convs, strict=True):
        kernel, bias = layer.lateral_layers[str(level)].weights
        kernel.assign(convolution.weight.detach().numpy().transpose(2, 3, 1, 0))
        bias.assign(convolution.bias.detach().numpy())
    with torch.no_grad():
        expected, _ = peer([torch.tensor(x) for x in features.values()])
    received = layer(features)
    for level, x in zip((5, 4, 3), expected, strict=True):
        assert_close(received[level], x.permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize(
    "sizes", [HALVES, pytest.param(ODD, marks=pytest.mark.backends)]
)
def test_parity_with_operations_of_torch(sizes):
    torch = pytest.importorskip("torch")
    import torch.nn.functional as F

    layer = FeaturePyramid(3, 5, num_channels=4)
    features = maps(sizes)
    layer.build({level: x.shape for level, x in features.items()})
    randomize(layer)
    received = layer(features)

    def convolve(x, convolution):
        kernel, bias = (torch.tensor(to_numpy(w)) for w in convolution.weights)
        return F.conv2d(x, kernel.permute(3, 2, 0, 1), bias, padding="same")

    x = None
    for level in (5, 4, 3):
        lateral = torch.tensor(features[level]).permute(0, 3, 1, 2)
        lateral = convolve(lateral, layer.lateral_layers[str(level)])
        if x is not None:
            lateral = lateral + F.interpolate(x, lateral.shape[2:], mode="nearest")
        x = lateral
        expected = convolve(x, layer.output_layers[str(level)]).permute(0, 2, 3, 1)
        # Sums of 36 products of values up to 60.
        assert_close(received[level], expected.numpy(), rtol=1e-5, atol=1e-4)


def test_levels_outside_are_ignored_and_one_level_is_enough():
    features = maps(ODD)
    pyramid = FeaturePyramid(4, 4, num_channels=4)(features)
    assert {level: x.shape for level, x in pyramid.items()} == {4: (2, 5, 4, 4)}


def test_keys_may_be_strings():
    layer = FeaturePyramid(3, 5, num_channels=4)
    features = maps(ODD)
    expected = to_numpy(layer(features))
    assert list(expected) == [3, 4, 5]
    received = layer({str(level): x for level, x in features.items()})
    assert_close(received, expected)


def test_layers_of_the_user_survive_config_and_file(tmp_path):
    def make():
        return FeaturePyramid(
            3,
            5,
            lateral_layers={
                level: keras.layers.Conv2D(4, 1, use_bias=False, activation="tanh")
                for level in (3, 4, 5)
            },
            output_layers={
                level: keras.layers.Conv2D(4, 3, padding="same") for level in (5, 4, 3)
            },
            name="pyramid",
        )

    features = maps(ODD)
    inputs = {
        level: keras.Input((None, None, x.shape[-1]), name=f"p{level}")
        for level, x in features.items()
    }
    outputs = make()(inputs)
    shapes = {level: x.shape for level, x in outputs.items()}
    assert shapes == dict.fromkeys((3, 4, 5), (None, None, None, 4))
    model = keras.Model(list(inputs.values()), list(outputs.values()))
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    arrays = list(features.values())
    for received, expected in zip(again(arrays), model(arrays), strict=True):
        assert_close(received, expected)

    layer = make()
    serialized = keras.saving.serialize_keras_object(layer)
    config = keras.saving.deserialize_keras_object(serialized).get_config()
    assert sorted(config["lateral_layers"]) == [3, 4, 5]
    assert config["output_layers"][3].filters == 4
    assert FeaturePyramid(3, 5).get_config()["lateral_layers"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 3), "`min_level` to be a positive integer"),
        ((3, "5"), "`max_level` to be a positive integer"),
        ((5, 3), "`min_level` up to `max_level`"),
        ((3, 5, 0), "`num_channels` to be a positive integer"),
        ((3, 4, 8, {3: keras.layers.Identity()}), r"each of the levels \[3, 4\]"),
        ((3, 5, 8, None, {**identities(), 6: keras.layers.Identity()}), "no other"),
        ((3, 3, 8, {3: "conv"}), "a Keras layer"),
        ((3, 3, 8, [keras.layers.Identity()]), "dict by level"),
        ((3, 3, 8, {"P3": keras.layers.Identity()}), "dict by level"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        FeaturePyramid(*arguments)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({3: np.ones((1, 8, 8, 2)), 5: np.ones((1, 2, 2, 2))}, r"\[4\] are missing"),
        (np.ones((1, 8, 8, 2)), "dict by level"),
        (maps([(8, 8), (4, 4), (4, 4)]), "half as large"),
        (maps([(9, 8), (4, 4), (2, 2)]), "half as large"),
        ({level: np.ones((8, 8, 2)) for level in (3, 4, 5)}, r"\(B, H, W, C\)"),
    ],
)
def test_bad_features(features, message):
    with pytest.raises(ValueError, match=message):
        FeaturePyramid(3, 5, num_channels=4)(features)


def test_sizes_of_a_later_call_are_checked():
    layer = FeaturePyramid(3, 5, num_channels=4)
    layer(maps(ODD))
    with pytest.raises(ValueError, match="half as large"):
        layer(maps([(8, 8), (4, 4), (4, 4)]))
