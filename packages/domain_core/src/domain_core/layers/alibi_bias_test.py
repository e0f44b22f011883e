"""Linear biases against the paper's and KerasHub's layer."""

import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.testing import assert_close, to_numpy

SLOPES = {
    1: [1 / 256],
    2: [1 / 16, 1 / 256],
    3: [1 / 16, 1 / 256, 1 / 4],
    8: [2.0**-i for i in range(1, 9)],
    12: [2.0**-i for i in range(1, 9)] + [2.0**-i for i in (0.5, 1.5, 2.5, 3.5)],
}


@pytest.mark.backends
@pytest.mark.parametrize("num_heads", SLOPES)
def test_slopes(num_heads):
    scores = np.random.default_rng(0).normal(size=(2, num_heads, 3, 4))
    received = to_numpy(layers.AlibiBias()(scores.astype("float32"))) - scores
    bias = np.array(SLOPES[num_heads])[:, None, None] * np.array([-3, -2, -1, 0])
    assert_close(received, np.broadcast_to(bias, scores.shape))


@pytest.mark.parametrize("num_heads", [1, 2, 5, 12])
def test_equal_to_keras_hub(num_heads):
    hub = pytest.importorskip("keras_hub", reason="the reference").layers
    scores = np.zeros((2, num_heads, 3, 4), "float32")
    ours, theirs = (m.AlibiBias(alibi_bias_max=6)(scores) for m in (layers, hub))
    assert_close(ours, theirs)


@pytest.mark.backends
def test_far_keys_in_half_precision():
    """The score of each of 600 keys is rounded once, after the bias."""
    scores = keras.ops.zeros((1, 1, 1, 600), "bfloat16")
    received = layers.AlibiBias(alibi_bias_max=0, dtype="bfloat16")(scores + 599)
    expected = keras.ops.cast(keras.ops.cast(scores + 599, "float32"), "float32")
    expected = to_numpy(expected)[0, 0, 0] - np.arange(599, -1, -1)
    received = to_numpy(keras.ops.cast(received, "float32"))[0, 0, 0]
    assert_close(received, expected, rtol=2**-8, atol=0)


def test_other_ranks():
    with pytest.raises(ValueError, match="Expected attention scores of the shape"):
        layers.AlibiBias()(np.zeros((2, 3, 4), "float32"))
