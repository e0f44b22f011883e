"""Rotary embedding against complex numbers and KerasHub's layer."""

import keras
import numpy as np
import pytest

from domain_core import layers
from domain_core.testing import assert_close, to_numpy

X = np.random.default_rng(0).normal(size=(2, 3, 4, 6)).astype("float32")
POSITIONS = np.array([[5, 0, 1], [2, 2, 40]])


def expected(x, positions, max_wavelength=10000, scaling_factor=1):
    """Turns pairs of `(B, T, H, h)` as complex numbers; positions `(T,)`, `(B, T)`."""
    half = x.shape[-1] // 2
    rates = max_wavelength ** (-np.arange(half) / half) / scaling_factor
    angles = np.asarray(positions)[..., None, None] * rates
    turned = (x[..., :half] + 1j * x[..., half:]) * np.exp(1j * angles)
    return np.concatenate([turned.real, turned.imag], axis=-1)


@pytest.mark.backends
def test_turns_pairs():
    layer = layers.RotaryEmbedding(max_wavelength=50, scaling_factor=3)
    assert_close(layer(X), expected(X, [0, 1, 2], 50, 3))
    for start in (7, keras.ops.convert_to_tensor(7)):
        assert_close(layer(X, start_index=start), expected(X, [7, 8, 9], 50, 3))
    for positions in (POSITIONS, POSITIONS[0]):
        assert_close(layer(X, positions=positions), expected(X, positions, 50, 3))


@pytest.mark.parametrize(("sequence", "feature"), [(1, 3), (3, 1), (2, 1), (-2, -1)])
@pytest.mark.parametrize("positions", [[0, 1, 2], POSITIONS])
def test_any_axes(sequence, feature, positions):
    x = np.moveaxis(X, (1, 3), (sequence % 4, feature % 4))
    layer = layers.RotaryEmbedding(sequence_axis=sequence, feature_axis=feature)
    y = to_numpy(layer(x, positions=np.array(positions)))
    y = np.moveaxis(y, (sequence % 4, feature % 4), (1, 3))
    assert_close(y, expected(X, positions))


def test_scores_depend_on_distance():
    layer = layers.RotaryEmbedding()
    scores = [
        np.sum(
            to_numpy(layer(X[:1], start_index=at))
            * to_numpy(layer(X[1:], start_index=at + 5)),
            axis=-1,
        )
        for at in (0, 90)
    ]
    assert_close(*scores)


@pytest.mark.backends
def test_far_positions_in_half_precision():
    """Tables are made in float32: 16 bit cannot tell 1000 from 1001."""
    layer = layers.RotaryEmbedding(dtype="bfloat16")
    received = to_numpy(keras.ops.cast(layer(X, start_index=1000), "float32"))
    assert_close(received, expected(X, [1000, 1001, 1002]), rtol=0, atol=0.05)


@pytest.mark.parametrize(
    "arguments",
    [
        {"scaling_factor": 4.0},
        {"rope_type": "yarn", "scaling_factor": 4.0},
        {
            "rope_type": "yarn",
            "scaling_factor": 8.0,
            "beta_fast": 4.0,
            "original_max_position_embeddings": 64,
            "truncate": False,
        },
    ],
)
def test_equal_to_keras_hub(arguments):
    hub = pytest.importorskip("keras_hub", reason="the reference").layers
    ours, theirs = (m.RotaryEmbedding(**arguments) for m in (layers, hub))
    x = np.random.default_rng(1).normal(size=(2, 3, 2, 16)).astype("float32")
    assert_close(ours(x, start_index=11), theirs(x, start_index=11))
    assert_close(ours(x, positions=POSITIONS), theirs(x, positions=POSITIONS))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rope_type": "spiral"}, "`rope_type` to be one of"),
        ({"sequence_axis": 4}, "Expected two axes of inputs of rank 4"),
        ({"sequence_axis": 3}, "Expected two axes"),
        ({"feature_axis": 1, "sequence_axis": 2}, "an even number of features"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        layers.RotaryEmbedding(**arguments)(X)
