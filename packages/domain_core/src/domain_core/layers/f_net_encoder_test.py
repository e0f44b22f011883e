"""The Fourier block against KerasHub's."""

import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.testing import assert_close, to_numpy

NAMES = {
    "mixing_norm": "mixing_layer_norm",
    "feedforward/up": "intermediate_dense",
    "feedforward/down": "output_dense",
    "feedforward_norm": "output_layer_norm",
}
X = np.random.default_rng(0).normal(size=(3, 4, 8)).astype("float32")


def test_equal_to_keras_hub(share_weights):
    hub = pytest.importorskip("keras_hub", reason="the reference").layers
    arguments = {"intermediate_dim": 6, "layer_norm_epsilon": 1e-3}
    ours, theirs = (m.FNetEncoder(**arguments) for m in (layers, hub))
    ours(X), theirs(X)
    share_weights(ours, theirs, NAMES)
    assert_close(ours(X), theirs(X))


@pytest.mark.backends
def test_learns(compiled):
    layer = layers.FNetEncoder(6, dropout=0.1)
    model = keras.Sequential([keras.Input((4, 8)), layer])
    before = {weight.path: to_numpy(weight) for weight in model.weights}
    model.compile(keras.optimizers.SGD(0.1), "mse")
    model.fit(X, X[..., ::-1], verbose=0)
    for weight in model.trainable_weights:
        moved = np.abs(to_numpy(weight) - before[weight.path]).max()
        assert moved > 1e-7, weight.path
    assert_close(compiled(layer)(X), model.predict(X, verbose=0))


@pytest.mark.backends
def test_dropout_is_for_training():
    layer = layers.FNetEncoder(6, dropout=0.5)
    still = to_numpy(layer(X))
    assert_close(layer(X), still, rtol=0, atol=0)
    assert np.abs(to_numpy(layer(X, training=True)) - still).max() > 0.1


@pytest.mark.parametrize("arguments", [{"intermediate_dim": 0}, {"dropout": 2}])
def test_bad_arguments(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        layers.FNetEncoder(**({"intermediate_dim": 6} | arguments))
