"""The sum of two embeddings against NumPy and KerasHub's layer."""

import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.testing import assert_close, to_numpy

IDS = np.array([[3, 1, 0], [9, 0, 0]], "int32")


@pytest.fixture(scope="module")
def layer():
    layer = layers.TokenAndPositionEmbedding(10, 6, 4)
    layer(IDS)
    return layer


@pytest.mark.backends
def test_sum(layer):
    tokens = to_numpy(layer.token_embedding.embeddings)
    positions = to_numpy(layer.position_embedding.position_embeddings)
    assert_close(layer(IDS), tokens[IDS] + positions[:3])
    assert_close(layer(IDS, start_index=2), tokens[IDS] + positions[2:5])
    given = np.array([[0, 1, 5], [2, 2, 2]])
    assert_close(layer(IDS, positions=given), tokens[IDS] + positions[given])
    assert_close(layer(IDS.astype("float32")), layer(IDS))


def test_equal_to_keras_hub(layer):
    hub = pytest.importorskip("keras_hub", reason="the reference").layers
    peer = hub.TokenAndPositionEmbedding(10, 6, 4)
    peer(IDS)
    peer.set_weights(layer.get_weights())
    assert_close(layer(IDS), peer(IDS))
    assert_close(layer(IDS, start_index=2), peer(IDS, start_index=2))


@pytest.mark.backends
def test_ids_are_whole_in_half_precision():
    """Of floats in 16 bit, 257 would be 256."""
    layer = layers.TokenAndPositionEmbedding(300, 3, 4, dtype="mixed_bfloat16")
    ids = np.array([[257.0, 299.0, 255.0]], "float32")
    y = keras.ops.cast(layer(ids), "float32")
    full = layers.TokenAndPositionEmbedding(300, 3, 4)
    full(ids)
    full.set_weights(layer.get_weights())
    assert_close(y, full(ids), rtol=0.02, atol=0.002)


def test_mask_of_zeros(layer):
    masked = layers.TokenAndPositionEmbedding(10, 6, 4, mask_zero=True)
    assert_close(masked.compute_mask(IDS), IDS != 0)
    assert layer.compute_mask(IDS) is None


def test_tied_and_untied_weights(layer):
    y = layer(IDS)
    scores = layer.token_embedding(y, reverse=True)
    assert_close(scores, to_numpy(y) @ to_numpy(layer.token_embedding.embeddings).T)
    untied = layers.TokenAndPositionEmbedding(10, 6, 4, tie_weights=False)
    untied(IDS)
    assert sorted(tuple(w.shape) for w in untied.weights) == [(4, 10), (6, 4), (10, 4)]


def test_lora_takes_part():
    layer = layers.TokenAndPositionEmbedding(10, 6, 4)
    before = to_numpy(layer(IDS))
    layer.token_embedding.enable_lora(2)
    for weight in layer.token_embedding.trainable_weights:
        weight.assign(np.ones(weight.shape))
    assert np.abs(to_numpy(layer(IDS)) - before).min() > 0.5


def test_bad_arguments(layer):
    with pytest.raises(ValueError, match="at most 6 positions"):
        layer(np.zeros((2, 7), "int32"))
    with pytest.raises(ValueError, match="at most 6 positions"):
        layer(keras.Input((7,), dtype="int32"))
    for sizes in ((0, 6, 4), (10, 0, 4), (10, 6, 0)):
        with pytest.raises(ValueError, match="to be a positive integer"):
            layers.TokenAndPositionEmbedding(*sizes)
