"""Layers draw and compute in float32, whatever `keras.config.floatx()` is."""

import keras
import numpy as np
import pytest

from keras_cv.core import NormalFactorSampler, UniformFactorSampler
from keras_cv.layers.preprocessing.cases_test import CASES
from keras_cv.layers.preprocessing.matrix_test import (
    assert_agree,
    compiled,
    inputs_of,
    make,
    to_numpy,
    to_tensors,
)

# One for each way to draw, and to reckon with places.
OF_EACH_KIND = ("MixUp", "FourierMix", "RandAugment", "RandomCrop", "RandomErasing")


@pytest.fixture(params=["float64", "float16", "bfloat16"])
def floatx(request):
    before = keras.config.floatx()
    keras.config.set_floatx(request.param)
    yield request.param
    keras.config.set_floatx(before)


def check(name, found, parameters, layer, inputs):
    for values in keras.tree.flatten(to_numpy(parameters)):
        assert values.dtype in ("float32", "int32", "bool")
    expected = layer(inputs, parameters=to_numpy(parameters))
    assert_agree(CASES[name], expected, to_numpy(found), "float32")


@pytest.mark.backends
@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_tensors(name, floatx):
    layer, inputs = make(name), inputs_of(name, "float32")
    for _ in range(3):
        found, parameters = layer(to_tensors(inputs), return_parameters=True)
    check(name, found, parameters, layer, inputs)


@pytest.mark.backends("jax", "tensorflow")
@pytest.mark.parametrize("floatx", ["bfloat16"], indirect=True)
def test_compiled(floatx):
    names = ("MixUp", "RandomCrop", "RandomErasing", "Resizing")
    layers = {name: make(name) for name in names}
    inputs = {name: inputs_of(name, "float32") for name in names}
    given = {name: to_tensors(values) for name, values in inputs.items()}
    for name, (found, parameters) in compiled(layers)(given).items():
        check(name, found, parameters, layers[name], inputs[name])


@pytest.mark.backends
# JAX says so of each array that Keras makes by itself.
@pytest.mark.filterwarnings("ignore:Explicitly requested dtype float64")
def test_samplers(floatx):
    for sampler in (UniformFactorSampler(0, 1), NormalFactorSampler(0, 1, -3, 3)):
        numbers = sampler((5000,))
        assert keras.backend.standardize_dtype(numbers.dtype) == "float32"
        # Half precision has no more than 2,048 numbers between 1/2 and 1.
        assert len(set(keras.ops.convert_to_numpy(numbers).tolist())) > 4500


def test_arrays(floatx):
    for name in OF_EACH_KIND:
        layer, inputs = make(name), inputs_of(name, "float32")
        found = layer(inputs, index=3)
        keras.config.set_floatx("float32")
        expected = make(name)(inputs, index=3)
        keras.config.set_floatx(floatx)
        for a, b in zip(
            keras.tree.flatten(found), keras.tree.flatten(expected), strict=True
        ):
            np.testing.assert_array_equal(a, b)
