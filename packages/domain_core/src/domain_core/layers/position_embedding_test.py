"""Learned positions against NumPy and KerasHub's layer."""

import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.testing import assert_close, to_numpy

X = np.zeros((2, 3, 4), "float32")


@pytest.fixture(scope="module")
def layer():
    layer = layers.PositionEmbedding(sequence_length=6)
    layer(X)
    return layer


@pytest.fixture(scope="module")
def table(layer):
    return to_numpy(layer.position_embeddings)


@pytest.mark.backends
def test_looks_up_rows(layer, table):
    assert_close(layer(X), np.broadcast_to(table[:3], X.shape))
    assert_close(layer(X, start_index=3), np.broadcast_to(table[3:], X.shape))
    start = keras.ops.convert_to_tensor(2)
    assert_close(layer(X, start_index=start), np.broadcast_to(table[2:5], X.shape))
    more = np.zeros((2, 5, 3, 4), "float32")
    assert_close(layer(more), np.broadcast_to(table[:3], more.shape))


@pytest.mark.backends
def test_given_positions(layer, table):
    positions = np.array([[5, 0, 1], [2, 2, 4]])
    assert_close(layer(X, positions=positions), table[positions])
    assert_close(layer(X, start_index=3, positions=positions), table[positions])
    row = layer(X, positions=positions[0])
    assert_close(row, np.broadcast_to(table[positions[0]], X.shape))


def test_equal_to_keras_hub(layer, table):
    hub = pytest.importorskip("keras_hub", reason="the reference").layers
    peer = hub.PositionEmbedding(sequence_length=6)
    peer(X)
    peer.set_weights([table])
    for arguments in ({}, {"start_index": 2}, {"positions": np.array([4, 5, 0])}):
        assert_close(layer(X, **arguments), peer(X, **arguments))


def test_too_long(layer):
    with pytest.raises(ValueError, match="at most 6 positions"):
        layer(np.zeros((2, 7, 4), "float32"))
    with pytest.raises(ValueError, match="received 3 from position 4 on"):
        layer(X, start_index=4)
    with pytest.raises(ValueError, match="at most 6 positions"):
        layer(keras.Input((7, 4)))
    with pytest.raises(ValueError, match="`sequence_length` to be a positive integer"):
        layers.PositionEmbedding(0)
