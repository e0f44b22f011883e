"""Sines of positions against NumPy and KerasHub's layer."""

import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.testing import assert_close


def expected(positions, width, max_wavelength=10000):
    table = np.zeros((*np.shape(positions), width))
    for feature in range(width):
        rate = max_wavelength ** (-2 * (feature // 2) / width)
        wave = np.cos if feature % 2 else np.sin
        table[..., feature] = wave(np.asarray(positions) * rate)
    return table


@pytest.mark.backends
@pytest.mark.parametrize("width", [4, 5])
def test_formula(width):
    x = np.ones((2, 3, width), "float32")
    layer = layers.SinePositionEncoding(max_wavelength=50)
    table = expected([0, 1, 2], width, 50)
    assert_close(layer(x), np.broadcast_to(table, x.shape))
    table = expected([7, 8, 9], width, 50)
    for start in (7, keras.ops.convert_to_tensor(7)):
        assert_close(layer(x, start_index=start), np.broadcast_to(table, x.shape))
    positions = np.array([[5, 0, 1], [2, 2, 40]])
    assert_close(layer(x, positions=positions), expected(positions, width, 50))


def test_equal_to_keras_hub():
    hub = pytest.importorskip("keras_hub", reason="the reference").layers
    x = np.ones((2, 3, 4), "float32")
    for arguments in ({}, {"start_index": 2}, {"positions": np.array([4, 5, 0])}):
        ours, theirs = (m.SinePositionEncoding()(x, **arguments) for m in (layers, hub))
        assert_close(ours, theirs)
