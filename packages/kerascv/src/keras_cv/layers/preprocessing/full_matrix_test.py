"""The whole product: layers x label types x dtypes x forms of input x routes.

`matrix_test.py` goes along each of these alone, which takes a tenth of the time, and
`bad_input_test.py` takes what is shared to some layers only; here are all of them.
"""

import keras
import numpy as np
import pytest

from keras_cv.layers.preprocessing.cases_test import CASES
from keras_cv.layers.preprocessing.matrix_test import (
    BACKEND,
    DTYPES,
    assert_agree,
    expecting,
    inputs_of,
    make,
    to_numpy,
    to_tensors,
)

pytestmark = pytest.mark.large
each_case = pytest.mark.parametrize("name", CASES)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def each_form(*forms):
    """Of each layer those that are possible: `matrix_test.py` sees the errors."""
    cells = [
        (name, form)
        for name, case in CASES.items()
        for form in forms
        if form not in case.impossible
    ]
    return pytest.mark.parametrize(("name", "form"), cells)


INDEX = 5


def case_inputs(name, dtype, form):
    """Returns samples, and what NumPy's engine makes of them with its parameters."""
    inputs = inputs_of(name, dtype)
    if form == "single":
        inputs = keras.tree.map_structure(lambda x: x[0], inputs)
    expected, parameters = make(name)(inputs, index=INDEX, return_parameters=True)
    return inputs, expected, parameters


@pytest.mark.backends
@each_form("single", "batch", "jit")
@each_dtype
# Of dynamo, about functions of Keras.
@pytest.mark.filterwarnings("ignore:Dynamo detected a call:UserWarning")
def test_backend(name, dtype, form):
    case = CASES[name]
    inputs, expected, parameters = case_inputs(name, dtype, form)
    layer = make(name)
    layer.build()
    run = compiled(layer) if form == "jit" else layer
    with expecting(case, "backend"):
        found = run(to_tensors(inputs), parameters=to_tensors(parameters))
        assert_agree(case, expected, to_numpy(found), dtype)


def compiled(layer):
    """Returns a compiled function of inputs and parameters."""

    def run(inputs, parameters):
        return layer(inputs, training=True, parameters=parameters)

    if BACKEND == "jax":
        import jax

        return jax.jit(run)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(run, jit_compile=True)
    import torch

    # Traces as Inductor does, without the minute that its C++ takes per layer.
    return torch.compile(run, backend="aot_eager")


@pytest.mark.backends("torch")
@each_form("single", "batch")
@each_dtype
@pytest.mark.parametrize("graph", [False, True])
def test_dataset(name, dtype, form, graph):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    case = CASES[name]
    inputs, expected, _ = case_inputs(name, dtype, form)
    layer = make(name, graph=graph)
    with expecting(case, "graph" if graph else form):
        dataset = tf.data.Dataset.from_tensors(inputs)
        found = next(iter(dataset.map(lambda x: layer(x, index=INDEX))))
        assert_agree(case, expected, to_numpy(found), dtype)


@pytest.mark.backends("torch")
@each_case
@each_dtype
def test_dataset_of_different_sizes(name, dtype):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    case, layer = CASES[name], make(name)
    first, second = inputs_of(name, dtype), inputs_of(name, dtype, size=(24, 52))
    images = [first["images"][0], second["images"][1]]
    labels = np.stack([first["labels"][0], second["labels"][1]])
    index = np.array([0, 1])
    with expecting(case, "sizes"):
        expected = layer({"images": images, "labels": labels}, index=index)
        inputs = {"images": tf.ragged.stack(images), "labels": labels}
        dataset = tf.data.Dataset.from_tensors(inputs)
        found = next(iter(dataset.map(lambda x: layer(x, index=index))))
        for a, b in zip(expected["images"], found["images"], strict=True):
            b = b.to_tensor() if hasattr(b, "to_tensor") else b
            np.testing.assert_array_equal(a, b)
