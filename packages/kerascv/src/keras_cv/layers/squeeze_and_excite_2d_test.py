import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.layers import SqueezeAndExcite2D


def images():
    return np.random.default_rng(0).normal(size=(2, 5, 7, 8)).astype("float32")


def randomize(layer):
    random = np.random.default_rng(1)
    for weight in layer.weights:
        weight.assign(random.normal(size=weight.shape))


@pytest.mark.backends
def test_formula():
    x = images()
    layer = SqueezeAndExcite2D(8, 3, "tanh", "relu")
    layer(x)
    randomize(layer)
    squeeze, excite = (
        [to_numpy(w) for w in part.weights] for part in (layer.squeeze, layer.excite)
    )
    gate = np.tanh(x.mean(axis=(1, 2)) @ squeeze[0] + squeeze[1])
    gate = np.maximum(gate @ excite[0] + excite[1], 0)
    assert_close(layer(x), x * gate[:, None, None, :])


def test_parity_with_transformers():
    torch = pytest.importorskip("torch")
    from transformers.models.regnet.modeling_regnet import RegNetSELayer

    peer = RegNetSELayer(8, 2)
    layer = SqueezeAndExcite2D(8)
    layer.build((None, None, None, 8))
    for ours, theirs in ((layer.squeeze, 0), (layer.excite, 2)):
        convolution = peer.attention[theirs]
        ours.kernel.assign(convolution.weight.detach().numpy()[:, :, 0, 0].T)
        ours.bias.assign(convolution.bias.detach().numpy())
    with torch.no_grad():
        expected = peer(torch.tensor(images()).permute(0, 3, 1, 2))
    assert_close(layer(images()), expected.permute(0, 2, 3, 1).numpy())


def test_default_bottleneck():
    assert SqueezeAndExcite2D(9).bottleneck_filters == 2
    assert SqueezeAndExcite2D(2).bottleneck_filters == 1


@pytest.mark.parametrize(
    "activation", [keras.activations.tanh, keras.layers.LeakyReLU(0.3), None]
)
def test_activations_that_are_no_names_survive_a_file(activation, tmp_path):
    inputs = keras.Input((5, 7, 8))
    outputs = SqueezeAndExcite2D(8, 3, squeeze_activation=activation)(inputs)
    model = keras.Model(inputs, outputs)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert_close(again(images()), to_numpy(model(images())))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0,), "`filters` to be a positive integer"),
        ((8.0,), "`filters` to be a positive integer"),
        ((True,), "`filters` to be a positive integer"),
        ((8, 0), "`bottleneck_filters` to be a positive integer"),
        ((8, 8), "`bottleneck_filters` below filters=8"),
        ((1,), "`bottleneck_filters` below filters=1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        SqueezeAndExcite2D(*arguments)


@pytest.mark.parametrize("shape", [(2, 5, 7, 1), (2, 5, 8), (2, 8, 5, 7)])
def test_bad_shapes(shape):
    with pytest.raises(ValueError, match=r"shape \(B, H, W, 8\)"):
        SqueezeAndExcite2D(8)(np.ones(shape, "float32"))
