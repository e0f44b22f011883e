"""Self- and cross-attention against NumPy."""

import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.testing import assert_close, to_numpy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 4)).astype("float32")
SOURCE = RNG.normal(size=(2, 5, 6)).astype("float32")
BIAS = np.where(RNG.random((2, 1, 3, 5)) > 0.3, 0, -1e9).astype("float32")
BIAS[..., 0] = 0


def expected(layer, x, source, bias):
    def heads(dense, y):
        y = y @ to_numpy(dense.kernel) + to_numpy(dense.bias)
        return y.reshape(*y.shape[:2], 2, 2)

    query, key, value = (
        heads(layer.query, x),
        *(heads(dense, source) for dense in (layer.key, layer.value)),
    )
    scores = np.einsum("bthd,bshd->bhts", query, key) / np.sqrt(2) + bias
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    mixed = np.einsum("bhts,bshd->bthd", weights, value).reshape(x.shape)
    return mixed @ to_numpy(layer.out.kernel) + to_numpy(layer.out.bias)


@pytest.fixture(params=[layers.SelfAttention, layers.CrossAttention])
def layer_and_inputs(request):
    layer = request.param(2, bias_initializer="normal")
    inputs = (X,) if request.param is layers.SelfAttention else (X, SOURCE)
    bias = BIAS[..., : inputs[-1].shape[1]]
    layer(*inputs, context={"attention_bias": bias})
    return layer, inputs, bias


def test_against_numpy(layer_and_inputs):
    layer, inputs, bias = layer_and_inputs
    y = layer(*inputs, context={"attention_bias": bias})
    assert_close(y, expected(layer, inputs[0], inputs[-1], bias))
    y = layer(*inputs, context={"attention_bias": None})
    assert_close(y, expected(layer, inputs[0], inputs[-1], 0.0))


def test_symbolic_and_config(layer_and_inputs):
    layer, inputs, bias = layer_and_inputs
    symbols = [keras.Input(x.shape[1:]) for x in (*inputs, bias)]
    y = layer(*symbols[:-1], context={"attention_bias": symbols[-1]})
    model = keras.Model(symbols, y)
    received = model.predict([*inputs, bias], verbose=0)
    assert_close(received, layer(*inputs, context={"attention_bias": bias}))
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
