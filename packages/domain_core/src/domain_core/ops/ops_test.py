"""Each op against NumPy or Keras, and its gradient where torch's is written out."""

import math

import keras
import numpy as np
import pytest

from domain_core import ops
from domain_core.testing import assert_close, reference, to_numpy

pytestmark = pytest.mark.backends


def random(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def tensor(array):
    return keras.ops.convert_to_tensor(array)


def test_linear():
    x, kernel, bias = random(2, 3, 4), random(4, 5), random(5)
    for added, expected in ((tensor(bias), x @ kernel + bias), (None, x @ kernel)):
        assert_close(ops.bound_linear(tensor(kernel), added)(tensor(x)), expected)
        turned = ops.bound_linear(tensor(kernel.T.copy()), added, transposed=True)
        assert_close(turned(tensor(x)), expected)


def test_layer_norm():
    x, gamma, beta = random(2, 3, 8) * 3 + 1, random(8), random(8)
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    expected = (x - mean) / np.sqrt(variance + 1e-6) * gamma + beta
    assert_close(ops.layer_norm(*map(tensor, (x, gamma, beta)), 1e-6), expected)


def test_take_rows():
    table, ids = random(6, 3), np.array([[0, 5], [2, 2]], "int32")
    assert_close(ops.take_rows(tensor(table), tensor(ids)), table[ids])


@pytest.mark.parametrize("with_bias", [True, False])
def test_attention(with_bias):
    query, key, value = (random(2, 5, 3, 4, seed=i) for i in range(3))
    bias = np.where(random(2, 1, 1, 5) > 0.5, -1e9, 0).astype("float32")
    scores = np.einsum("bthd,bshd->bhts", query, key) / math.sqrt(4)
    scores = scores + bias if with_bias else scores
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights = weights / weights.sum(-1, keepdims=True)
    expected = np.einsum("bhts,bshd->bthd", weights, value)
    tensors = [tensor(x) for x in (query, key, value)]
    tensors += [tensor(bias)] if with_bias else []
    assert_close(ops.attention(*tensors), expected)
    seed = keras.random.SeedGenerator(0)
    received = ops.attention(*tensors, dropout=1e-6, seed=seed)
    assert_close(received, expected, rtol=1e-4)


@pytest.mark.parametrize("time", [1, 3])
def test_attention_of_grouped_heads(time):
    """Query head `i` goes with head `i // 2` of the keys, under a cap of the scores."""
    query, key, value = random(2, time, 4, 4), random(2, 5, 2, 4), random(2, 5, 2, 4)
    bias = np.where(random(2, 1, time, 5) > 0.5, -1e9, 0).astype("float32")
    tensors = [tensor(x) for x in (query, key, value, bias)]
    key, value = (x.repeat(2, axis=2) for x in (key, value))
    for cap in (None, 0.7):
        scores = np.einsum("bthd,bshd->bhts", query, key) * 0.3
        scores = (scores if cap is None else cap * np.tanh(scores / cap)) + bias
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights = weights / weights.sum(-1, keepdims=True)
        expected = np.einsum("bhts,bshd->bthd", weights, value)
        assert_close(ops.attention(*tensors, scale=0.3, soft_cap=cap), expected)


def test_rms_norm():
    x, scale = random(2, 3, 8) * 3 + 1, random(8)
    expected = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-3) * scale
    assert_close(ops.rms_norm(tensor(x), tensor(scale), 1e-3), expected)
    # Sums of squares are beyond float16, and its scale may be float32.
    half = tensor((x * 300).astype("float16"))
    received = ops.rms_norm(half, tensor(scale), 1e-3)
    assert keras.backend.standardize_dtype(received.dtype) == "float16"
    # Eleven bits of mantissa: half a thousandth, of the input and of the result.
    assert_close(keras.ops.cast(received, "float32"), expected, rtol=2e-3, atol=2e-3)


def test_rotate():
    """As multiplication of complex numbers, for all features or the first four."""
    x, angles = random(2, 3, 2, 6), random(3, 1, 3)
    for width in (6, 4):
        half, turn = width // 2, np.exp(1j * angles[..., : width // 2])
        pairs = (x[..., :half] + 1j * x[..., half:width]) * turn
        expected = np.concatenate((pairs.real, pairs.imag, x[..., width:]), -1)
        cos = np.concatenate((turn.real, turn.real), -1).astype("float32")
        sin = np.concatenate((-turn.imag, turn.imag), -1).astype("float32")
        assert_close(
            ops.rotate(*map(tensor, (x, cos, sin))), expected.astype("float32")
        )


def test_write_rows():
    buffer, rows = random(2, 5, 3), random(2, 2, 3, seed=1)
    expected = buffer.copy()
    expected[:, 1:3] = rows
    for start in (1, tensor(np.int32(1))):
        received = ops.write_rows(tensor(buffer.copy()), tensor(rows), start)
        assert_close(received, expected)


def test_heads():
    x = random(2, 3, 8)
    split = ops.split_heads(tensor(x), 4)
    assert_close(split, x.reshape(2, 3, 4, 2))
    assert_close(ops.join_heads(split), x)


def test_attention_drops_probabilities():
    ones = tensor(np.ones((1, 64, 1, 2), "float32"))
    seed = keras.random.SeedGenerator(0)
    received = to_numpy(ops.attention(ones, ones, ones, dropout=0.5, seed=seed))
    assert received.std() > 0.05
    assert abs(received.mean() - 1) < 0.1


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout(rate):
    x = tensor(np.ones((300, 101), "float32"))
    received = to_numpy(ops.dropout(x, rate, keras.random.SeedGenerator(3)))
    kept = received != 0
    assert_close(received[kept], np.full(kept.sum(), 1 / (1 - rate), "float32"))
    # Five standard deviations of a binomial share.
    assert abs(kept.mean() - (1 - rate)) < 5 * math.sqrt(rate * (1 - rate) / kept.size)
    other = to_numpy(ops.dropout(x, rate, keras.random.SeedGenerator(4)))
    assert (other != received).any()


def test_gelu():
    x = np.linspace(-6, 6, 101).astype("float32")
    exact = [0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x.tolist()]
    assert_close(ops.activation("gelu")(tensor(x)), np.array(exact, "float32"))
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    approximate = 0.5 * x * (1 + np.tanh(inner))
    assert_close(ops.activation("gelu_approximate")(tensor(x)), approximate)
    if keras.config.backend() == "torch":
        import torch

        with torch.no_grad():
            received = ops.activation("gelu_approximate")(tensor(x))
        assert_close(received, approximate)


def test_activation_by_name_and_none():
    assert ops.activation(None)(3) == 3
    assert_close(ops.activation("tanh")(tensor(random(3))), np.tanh(random(3)))


def reference_activations(folder, *, names):
    import numpy as np
    import torch
    from transformers.activations import ACT2FN

    x = torch.tensor(np.linspace(-5, 5, 41, dtype="float32"))
    return {name: ACT2FN[name](x).numpy() for name in names}


def test_names_of_hugging_face():
    """Each that we read is the same function."""
    from domain_core.presets.transformers.reader import (
        _ACTIVATIONS,
        activation_name,
        foreign_activation,
    )

    other = ["swish", "gelu_fast", "gelu_pytorch_tanh", "gelu_accurate", "gelu_python"]
    names = [*_ACTIVATIONS.values(), *other, "gelu_python_tanh"]
    answer = reference("transformers", reference_activations, names=names).arrays
    x = tensor(np.linspace(-5, 5, 41, dtype="float32"))
    for name in names:
        ours = activation_name({"hidden_act": name})
        for known in (ours, name):
            assert_close(ops.activation(known)(x), answer[name], atol=1e-5)
        assert activation_name({"hidden_act": foreign_activation(ours)}) == ours
    assert foreign_activation("swish") == "silu"
    assert ops.activation("hardswish") is keras.activations.hard_silu
    assert ops.activation("swish") is ops.activation("silu")
    with pytest.raises(ValueError, match="'hidden_act' to be one of"):
        activation_name({"hidden_act": "leaky_relu"})  # of another slope there
