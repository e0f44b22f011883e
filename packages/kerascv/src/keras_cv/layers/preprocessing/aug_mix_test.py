"""AugMix blends chains as the paper says, and repairs what upstream got wrong."""

import numpy as np
import pytest

from keras_cv.core import ConstantFactorSampler
from keras_cv.layers.preprocessing import (
    AugMix,
    Equalization,
    Posterization,
    RandomTranslation,
)
from keras_cv.layers.preprocessing.cases_test import sample

IMAGES = sample()["images"]
FLAT = np.full((3000, 1, 1, 3), 100, "uint8")


def told(layer, severity, own=0.0):
    """Returns parameters of one chain of one layer for all images."""
    count = len(IMAGES)
    return {
        "own": np.full(count, own, "float32"),
        "share": np.full((count, 1), 1.0 - own, "float32"),
        "steps": {
            "layer": np.full((count, 1, 1), layer, "int32"),
            "severity": np.full((count, 1, 1), severity, "float32"),
        },
    }


def one_chain(*arguments, **options):
    layer = AugMix(num_chains=1, chain_depth=1)
    return layer(IMAGES, parameters=told(*arguments, **options))


def test_defect_8_every_kind_of_layer_is_drawn():
    layer = AugMix(severity=0.8, num_chains=3, chain_depth=(1, 3), alpha=2.0, seed=0)
    parameters = layer(FLAT, return_parameters=True)[1]
    own, shares = parameters["own"], parameters["share"]
    np.testing.assert_allclose(own + shares.sum(axis=1), 1.0, atol=1e-5)
    assert abs(own.mean() - 0.5) < 0.02
    assert np.abs(shares.mean(axis=0) - 1 / 6).max() < 0.02
    chain = parameters["steps"]["layer"][:, 1]
    depths = (chain >= 0).sum(axis=1)
    assert np.abs(np.bincount(depths, minlength=4)[1:] / 3000 - 1 / 3).max() < 0.04
    assert (chain[:, 0] >= 0).all()
    # Nine kinds, equally likely: shear and translation along x and along y are two.
    first = {name: drawn[:, 0, 0] for name, drawn in parameters["steps"].items()}
    shares = np.unique(first["layer"], return_counts=True)[1] / 3000
    assert len(shares) == 9
    assert np.abs(shares - 1 / 9).max() < 0.02
    severity = np.abs(first["severity"])
    assert severity.min() >= 0.01
    assert severity.max() <= 0.8
    assert abs((first["severity"] < 0).mean() - 0.5) < 0.05


def test_a_chain_is_its_layers():
    np.testing.assert_array_equal(one_chain(1, 0.5), Equalization()(IMAGES))
    bits = {0.1: 6, 0.5: 5, 0.9: 4, 1.0: 3}  # the stronger, the fewer
    for severity, kept in bits.items():
        expected = Posterization(bits=kept)(IMAGES)
        np.testing.assert_array_equal(one_chain(2, severity), expected)
    shift = ConstantFactorSampler(0.9 / 3)
    moved = RandomTranslation(shift, 0.0)(IMAGES)
    np.testing.assert_array_equal(one_chain(8, 0.9), moved)


def test_blends():
    chain, mixed = one_chain(1, 0.5), one_chain(1, 0.5, own=0.25)
    expected = 0.25 * IMAGES + 0.75 * chain.astype("float32")
    assert np.abs(mixed - expected).max() <= 0.5 + 1e-4
    np.testing.assert_array_equal(one_chain(-1, 0.5, own=0.25), IMAGES)


def test_more_severe_is_further_away():
    distances = [
        np.abs(AugMix(severity=(s, s), seed=0)(IMAGES) - IMAGES.astype("float32"))
        for s in (0.05, 0.9)
    ]
    assert distances[0].mean() < distances[1].mean()


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"severity": 0.0}, "severity"),
        ({"severity": (0.5, 1.5)}, "severity"),
        ({"num_chains": 0}, "num_chains"),
        ({"chain_depth": (3, 1)}, "chain_depth"),
        ({"chain_depth": "long"}, "chain_depth"),
        ({"chain_depth": 0}, "chain_depth"),
        ({"alpha": 0}, "alpha"),
    ],
)
def test_arguments_are_checked(options, name):
    with pytest.raises(ValueError, match=name):
        AugMix(**options)
