"""Factors: what a user may write, and what is drawn."""

import json

import keras
import numpy as np
import pytest

import keras_cv
from domain_core.serialization import from_json, to_json
from keras_cv.core import (
    ConstantFactorSampler,
    FactorSampler,
    NormalFactorSampler,
    UniformFactorSampler,
)
from keras_cv.core.factor_sampler import as_factor, as_interval, as_signed_factor
from keras_cv.layers import (
    RandomBrightness,
    RandomContrast,
    RandomFlip,
    RandomJpegQuality,
)

SAMPLERS = [
    ConstantFactorSampler(0.3),
    UniformFactorSampler(0.2, 0.6, seed=1),
    NormalFactorSampler(0.5, 0.2, 0.1, 0.9, seed=1),
]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_numbers_lie_within_the_bounds(sampler):
    numbers = keras.ops.convert_to_numpy(sampler((2000,)))
    low, high = sampler.bounds
    assert numbers.min() >= np.float32(low)
    assert numbers.max() <= np.float32(high)
    assert abs(numbers.mean() - {0.3: 0.3}.get(low, (low + high) / 2)) < 0.02
    assert keras.ops.shape(sampler((2, 3))) == (2, 3)
    assert keras.ops.shape(sampler()) == ()


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_config(sampler):
    assert from_json(to_json(sampler)) == sampler
    layer = RandomBrightness(sampler)
    revived = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert revived.factor == sampler
    assert sampler != RandomFlip()


def test_seeds():
    first, same = (UniformFactorSampler(0, 1, seed=0) for _ in range(2))
    drawn = [keras.ops.convert_to_numpy(first((4,))) for _ in range(2)]
    again = [keras.ops.convert_to_numpy(same((4,))) for _ in range(2)]
    np.testing.assert_array_equal(drawn, again)
    assert (drawn[0] != drawn[1]).any()


def test_what_may_be_written():
    assert as_factor("f", 0.5) == UniformFactorSampler(0.0, 0.5)
    assert as_factor("f", (0.2, 0.2)) == ConstantFactorSampler(0.2)
    assert as_factor("f", [0.2, 0.4]) == UniformFactorSampler(0.2, 0.4)
    assert as_factor("f", SAMPLERS[1]) is SAMPLERS[1]
    assert as_signed_factor("f", 0.5) == UniformFactorSampler(-0.5, 0.5)
    assert as_interval("f", (0.5, 2.0), 4.0) == UniformFactorSampler(0.5, 2.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: as_factor("f", 1.5),
        lambda: as_factor("f", (0.5, 0.2)),
        lambda: as_factor("f", "all"),
        lambda: as_factor("f", True),
        lambda: as_factor("f", NormalFactorSampler(0, 1)),
        lambda: as_interval("f", 0.5, 1.0),
        lambda: as_interval("f", (0.0, 0.5), 1.0),
        lambda: UniformFactorSampler(2, 1),
        lambda: NormalFactorSampler(0, -1),
        lambda: ConstantFactorSampler("a"),
    ],
)
def test_errors(make):
    with pytest.raises(ValueError, match=r"[Ee]xpected"):
        make()


def test_a_sampler_of_ones_own():
    class Twice(FactorSampler):
        def draw(self, draws):
            return 0.5 * draws.uniform() + 0.5 * draws.uniform()

        @property
        def bounds(self):
            return 0.0, 1.0

    numbers = keras.ops.convert_to_numpy(Twice(seed=0)((3000,)))
    assert abs(numbers.std() - 24**-0.5) < 0.01
    images = np.full((2, 4, 4, 3), 100, "uint8")
    assert RandomBrightness(Twice(), seed=0)(images).min() >= 100


@pytest.mark.parametrize(
    ("layer", "written"),
    [
        (RandomContrast((0, 255), (0.3, 0.8)), [0.3, 0.8]),
        (RandomContrast((0, 255), 0.5), 0.5),
        (RandomBrightness(0.4), 0.4),
        (RandomBrightness((-0.1, 0.4)), [-0.1, 0.4]),
        (RandomBrightness((0.2, 0.2)), [0.2, 0.2]),
        (RandomJpegQuality((10, 20)), [10, 20]),
    ],
)
def test_configs_hold_what_was_written(layer, written):
    config = json.loads(json.dumps(layer.get_config()))
    assert config["factor"] == written
    again = type(layer).from_config(config)
    assert again.factor == layer.factor
    assert again.get_config() == layer.get_config()


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
def test_configs_of_samplers_are_json(sampler):
    layer = RandomBrightness(sampler)
    config = json.loads(json.dumps(layer.get_config()))
    assert RandomBrightness.from_config(config).factor == sampler
    # As upstream's configs hold it.
    config["factor"] = keras.saving.serialize_keras_object(sampler)
    assert RandomBrightness.from_config(config).factor == sampler
    layer.factor = ConstantFactorSampler(0.1)
    assert RandomBrightness.from_config(layer.get_config()).factor.value == 0.1


def test_configs_of_layers_with_factors_are_plain():
    preprocessing = keras_cv.layers
    inner = preprocessing.RandomContrast((0, 255), (0.1, 0.5))
    container = preprocessing.RandomChoice([inner])
    for layer in (inner, container):
        config = json.loads(json.dumps(layer.get_config()))
        again = type(layer).from_config(config)
        assert again.get_config() == layer.get_config()
    assert type(again.layers[0].factor) is type(inner.factor)
    assert again.layers[0].factor == inner.factor
