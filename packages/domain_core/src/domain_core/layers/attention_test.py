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


def attention_by_hand(layer, x, source, bias):
    def heads(dense, y):
        y = by_hand(dense, y)
        return y.reshape(*y.shape[:2], layer.num_heads, -1)

    query, key, value = (
        heads(layer.query, x),
        *(heads(dense, source) for dense in (layer.key, layer.value)),
    )
    scores = np.einsum("bthd,bshd->bhts", query, key) / np.sqrt(query.shape[-1]) + bias
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    mixed = np.einsum("bhts,bshd->bthd", weights, value).reshape(x.shape)
    return by_hand(layer.out, mixed)


def block_by_hand(x, parts, normalize_first):
    """Runs parts, each with its norm and a residual around both."""
    for part, norm in parts:
        if normalize_first:
            x = x + part(by_hand(norm, x))
        else:
            x = by_hand(norm, x + part(x))
    return x


def by_hand(layer, x):
    """Runs a dense layer, a norm, or two dense layers with ReLU."""
    if isinstance(layer, layers.FeedForward):
        return by_hand(layer.down, np.maximum(by_hand(layer.up, x), 0))
    if isinstance(layer, keras.layers.Dense):
        return x @ to_numpy(layer.kernel) + to_numpy(layer.bias)
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    normal = (x - mean) / np.sqrt(variance + layer.epsilon)
    return normal * to_numpy(layer.gamma) + to_numpy(layer.beta)


def randomize(layer):
    rng = np.random.default_rng(0)
    for weight in layer.weights:
        weight.assign(0.5 * rng.normal(size=weight.shape))


def as_bias(mask):
    """Returns what masks `(B, T, S)` or `(B, 1, S)` add to scores of all heads."""
    return np.where(mask, 0, -1e9)[:, None]


@pytest.fixture(params=[layers.SelfAttention, layers.CrossAttention])
def layer_and_inputs(request):
    layer = request.param(2, bias_initializer="normal")
    inputs = (X,) if request.param is layers.SelfAttention else (X, SOURCE)
    bias = BIAS[..., : inputs[-1].shape[1]]
    layer(*inputs, context={"attention_bias": bias})
    return layer, inputs, bias


@pytest.mark.backends
def test_against_numpy(layer_and_inputs):
    layer, inputs, bias = layer_and_inputs
    y = layer(*inputs, context={"attention_bias": bias})
    assert_close(y, attention_by_hand(layer, inputs[0], inputs[-1], bias))
    y = layer(*inputs, context={"attention_bias": None})
    assert_close(y, attention_by_hand(layer, inputs[0], inputs[-1], 0.0))


def test_symbolic_and_config(layer_and_inputs):
    layer, inputs, bias = layer_and_inputs
    symbols = [keras.Input(x.shape[1:]) for x in (*inputs, bias)]
    y = layer(*symbols[:-1], context={"attention_bias": symbols[-1]})
    model = keras.Model(symbols, y)
    received = model.predict([*inputs, bias], verbose=0)
    assert_close(received, layer(*inputs, context={"attention_bias": bias}))
    again = type(layer).from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
