"""Every augmentation layer: label types, forms of input, datasets, compiled programs.

What one layer alone does is tested beside it; here is what holds for all, from the
table in `cases_test.py`. Engines are compared in `engine_test.py`, so that each layer
is in one program per backend; `full_matrix_test.py` compiles the whole product.
"""

import inspect
import json
import pickle

import keras
import numpy as np
import pytest

from domain_core.serialization import from_json, to_json
from keras_cv.layers import preprocessing
from keras_cv.layers.preprocessing.cases_test import CASES, CONTENTS, sample

BACKEND = keras.backend.backend()
DTYPES = ("uint8", "float32")
each_case = pytest.mark.parametrize("name", CASES)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)
# The variants of a layer differ by primitives.
LAYERS = [name for name in CASES if " " not in name]
# To compile several layers together takes half as long.
_COMPILED = [name for name in LAYERS if "jit" not in CASES[name].impossible]
GROUPS = [_COMPILED[first : first + 7] for first in range(0, len(_COMPILED), 7)]


def make(name, graph=False, seed=3):
    layer = CASES[name].make(graph=graph)
    if layer.is_random:
        layer = type(layer).from_config({**layer.get_config(), "seed": seed})
    return layer


def inputs_of(name, dtype="uint8", without=(), **options):
    case = CASES[name]
    value_range = case.float_range if dtype != "uint8" else (0.0, 255.0)
    samples = sample(dtype, value_range=value_range, **{**case.takes, **options})
    drop = {*without, *(key for key in case.impossible if key in CONTENTS)}
    return {key: value for key, value in samples.items() if key not in drop}


def to_numpy(outputs):
    def convert(value):
        if hasattr(value, "row_lengths"):
            return [image.to_tensor().numpy() for image in value]
        if type(value).__module__.startswith("tensorflow."):
            return value.numpy()  # of a dataset, whatever the backend is
        return keras.ops.convert_to_numpy(value) if _is_tensor(value) else value

    return keras.tree.map_structure(convert, outputs)


def _is_tensor(value):
    return not isinstance(value, np.ndarray | int | float)


def to_tensors(inputs):
    return keras.tree.map_structure(keras.ops.convert_to_tensor, inputs)


def assert_agree(case, expected, found, dtype):
    """Compares all that came out."""
    assert set(expected) == set(found)
    for key in expected:
        first, second = (keras.tree.flatten(value[key]) for value in (expected, found))
        for a, b in zip(first, second, strict=True):
            a, b = np.asarray(a), np.asarray(b)
            assert a.shape == b.shape, key
            difference = np.abs(a.astype("float64") - b.astype("float64"))
            if key == "images":
                low, high = case.float_range
                tolerance = case.float_tolerance * (high - low)
                if a.dtype == "uint8":
                    tolerance = case.uint8_tolerance
                assert a.dtype == b.dtype
                assert difference.max() <= tolerance, (key, difference.max())
            elif key == "segmentation_masks":
                # A pixel on the edge between two may go to either.
                assert (difference > 0).mean() <= 0.005, key
            else:
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3, err_msg=key)


def expecting(case, cell):
    """Expects the error of an impossible cell, or none."""
    if cell in case.impossible:
        return pytest.raises(ValueError, match=case.impossible[cell])
    return _NoError()


class _NoError:
    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False


def test_every_layer_has_a_case():
    exported = {
        name
        for name, value in vars(preprocessing).items()
        if inspect.isclass(value)
        and issubclass(value, preprocessing.BaseImageAugmentationLayer)
        and value.__module__ != preprocessing.BaseImageAugmentationLayer.__module__
    }
    assert exported == {name.partition(" ")[0] for name in CASES}


@each_case
@each_dtype
def test_backend_agrees_with_host(name, dtype):
    case, layer = CASES[name], make(name)
    inputs = inputs_of(name, dtype)
    expected, parameters = layer(inputs, return_parameters=True)
    with expecting(case, "backend"):
        found = layer(to_tensors(inputs), parameters=parameters)
        assert_agree(case, expected, to_numpy(found), dtype)


@pytest.mark.backends
@pytest.mark.parametrize("names", GROUPS, ids=" ".join)
def test_inside_a_compiled_model(names):
    layers = {name: make(name) for name in names}
    inputs = {name: to_tensors(inputs_of(name, "float32")) for name in names}
    for name, (found, parameters) in compiled(layers)(inputs).items():
        samples, parameters = to_numpy(inputs[name]), to_numpy(parameters)
        expected = layers[name](samples, parameters=parameters)
        assert_agree(CASES[name], expected, to_numpy(found), "float32")


@pytest.mark.backends("jax", "tensorflow")
@pytest.mark.parametrize("name", [n for n in CASES if "jit" in CASES[n].impossible])
def test_what_no_model_can_hold(name):
    with pytest.raises(ValueError, match=CASES[name].impossible["jit"]):
        compiled({name: make(name)})({name: to_tensors(inputs_of(name, "float32"))})


def compiled(layers):
    """Returns a function of the inputs of layers, which is compiled if it can be."""

    def run(inputs):
        return {
            name: layer(inputs[name], training=True, return_parameters=True)
            for name, layer in layers.items()
        }

    for layer in layers.values():
        layer.build()
    if BACKEND == "jax":
        import jax

        @jax.jit
        def stateless(values, inputs):
            return {
                name: layer.stateless_call(
                    [],
                    values[name],
                    inputs[name],
                    training=True,
                    return_parameters=True,
                )[0]
                for name, layer in layers.items()
            }

        values = {
            name: [variable.value for variable in layer.non_trainable_variables]
            for name, layer in layers.items()
        }
        return lambda inputs: stateless(values, inputs)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(run, jit_compile=True)
    return run  # torch.compile takes a minute per layer: in the large tests


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("route", ["host call", "graph"])
def test_in_a_dataset(name, route):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    check_in_a_dataset(tf, name, route)


@pytest.mark.backends("tensorflow")
@pytest.mark.parametrize("route", ["host call", "graph"])
def test_in_a_dataset_of_the_backend(route):
    import tensorflow as tf

    check_in_a_dataset(tf, "RandomFlip", route)


def check_in_a_dataset(tf, name, route):
    case, layer = CASES[name], make(name, graph=route == "graph")
    inputs = inputs_of(name)
    expected = layer(inputs, index=7)
    with expecting(case, route):
        dataset = tf.data.Dataset.from_tensor_slices(inputs)
        # A size that is known misled TensorFlow's optimizer of graphs.
        dataset = dataset.batch(4, drop_remainder=route == "graph")
        mapped = dataset.map(lambda x: layer(x, index=7))
        assert_agree(case, expected, to_numpy(next(iter(mapped))), "uint8")
        declared = mapped.element_spec
        for key in expected:
            if key != "bounding_boxes" and not isinstance(expected[key], list):
                assert declared[key].shape.is_compatible_with(expected[key].shape), key


@each_case
def test_defect_17_single_image(name):
    case, layer = CASES[name], make(name)
    inputs = inputs_of(name)
    one = keras.tree.map_structure(lambda x: x[:1], inputs)
    single = keras.tree.map_structure(lambda x: x[0], inputs)
    with expecting(case, "single"):
        expected, found = layer(one, index=2), layer(single, index=2)
        assert_agree(
            case, keras.tree.map_structure(lambda x: x[0], expected), found, "uint8"
        )
        bare = layer(single["images"], index=2)
        np.testing.assert_array_equal(bare, found["images"])


@each_case
def test_images_of_different_sizes(name):
    case, layer = CASES[name], make(name)
    first, second = inputs_of(name), inputs_of(name, size=(24, 52))
    pairs = {
        key: [first[key][0], second[key][1]]
        for key in ("images", "labels", "segmentation_masks")
        if key in first
    }
    with expecting(case, "sizes"):
        found = layer(pairs, index=np.array([0, 1]))
        for i, whole in enumerate((first, second)):
            one = {key: whole[key][i : i + 1] for key in pairs}
            expected = layer(one, index=np.array([i]))
            np.testing.assert_array_equal(found["images"][i], expected["images"][0])


@each_case
def test_label_types_that_are_impossible(name):
    case, layer = CASES[name], make(name)
    for key in CONTENTS:
        if key not in case.impossible:
            continue
        full = sample("uint8", **case.takes)
        with pytest.raises(ValueError, match=case.impossible[key]):
            layer({k: v for k, v in full.items() if k in ("images", "labels", key)})


@each_case
@each_dtype
def test_defect_16_leaves_its_input_alone(name, dtype):
    layer, inputs = make(name), inputs_of(name, dtype)
    before = pickle.dumps(inputs)
    layer(inputs)
    assert pickle.dumps(inputs) == before


@each_case
def test_training(name):
    layer, inputs = make(name), inputs_of(name)
    outputs, parameters = layer(inputs, training=False, return_parameters=True)
    again = layer(inputs, parameters=parameters)
    for a, b in zip(
        keras.tree.flatten(outputs), keras.tree.flatten(again), strict=True
    ):
        np.testing.assert_array_equal(a, b)
    if not layer.is_random:
        expected = layer(inputs)
        np.testing.assert_array_equal(outputs["images"], expected["images"])
    elif outputs["images"].shape == inputs["images"].shape:
        for key in inputs:
            for a, b in zip(
                *(keras.tree.flatten(x[key]) for x in (inputs, outputs)), strict=True
            ):
                np.testing.assert_array_equal(a, b)


@each_case
def test_defect_15_seeds(name):
    inputs = inputs_of(name)
    first, same = (make(name, seed=0)(inputs) for _ in range(2))
    for a, b in zip(first["images"], same["images"], strict=True):
        np.testing.assert_array_equal(a, b)
    layer = make(name)
    if not layer.is_random:
        return
    drawn = layer(inputs, return_parameters=True)[1]
    others = [layer(inputs, return_parameters=True)[1]]
    if CASES[name].has_own_seed:
        others.append(make(name, seed=1)(inputs, return_parameters=True)[1])
    for parameters in others:
        assert any(
            not np.array_equal(a, b)
            for a, b in zip(
                keras.tree.flatten(drawn), keras.tree.flatten(parameters), strict=True
            )
        )


@each_case
def test_defect_28_copies(name):
    layer, inputs = make(name), inputs_of(name)
    layer(inputs)
    stored = from_json(to_json(layer))
    assert to_json(stored) == to_json(layer)
    revived = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(layer)
    )
    assert to_json(revived) == to_json(layer)
    config = json.loads(json.dumps(layer.get_config()))
    assert json.dumps(type(layer).from_config(config).get_config()) == json.dumps(
        layer.get_config()
    )
    copied = pickle.loads(pickle.dumps(layer))
    again = copied(inputs)["images"]
    for a, b in zip(again, layer(inputs)["images"], strict=True):
        np.testing.assert_array_equal(a, b)


@each_case
def test_defect_33_mixed_precision(name):
    case = CASES[name]
    layer = make(name)
    inputs = inputs_of(name, "float32")
    inputs["images"] = inputs["images"].astype("float16")
    if "backend" in case.impossible:
        return
    for image in to_numpy(layer(to_tensors(inputs)))["images"]:
        assert np.isfinite(image.astype("float32")).all()
