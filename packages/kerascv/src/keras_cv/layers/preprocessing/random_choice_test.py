"""Layers that choose among others: each image gets what was chosen for it."""

import functools

import keras
import numpy as np
import pytest

from keras_cv.layers import preprocessing as P
from keras_cv.layers.preprocessing.cases_test import BOXES, sample

INPUTS = sample()
IMAGES = INPUTS["images"]
MIXED = {"images": IMAGES.astype("float32"), "labels": np.eye(4, dtype="float32")}
BACKEND = keras.backend.backend()


def compiled(layer):
    """Returns the layer as a model is: compiled where there is a compiler for it."""
    if BACKEND == "jax":
        import jax

        layer.build()
        values = [variable.value for variable in layer.non_trainable_variables]
        call = jax.jit(functools.partial(layer.stateless_call, [], values))
        return lambda inputs, **told: call(inputs, training=True, **told)[0]
    if BACKEND == "tensorflow":
        import tensorflow as tf

        call = tf.function(functools.partial(layer, training=True), jit_compile=True)
        return call
    return functools.partial(layer, training=True)


def as_tensors(structure):
    return keras.tree.map_structure(keras.ops.convert_to_tensor, structure)


def as_arrays(structure):
    return keras.tree.map_structure(keras.ops.convert_to_numpy, structure)


@pytest.mark.parametrize(
    "layer",
    [
        P.RandomChoice([P.MixUp(seed=1), P.CutMix(seed=2)], seed=3),
        P.RandomApply(P.MixUp(alpha=2.0, seed=1), rate=0.5, seed=3),
        P.RandomAugmentationPipeline(
            [P.CutMix(seed=1), P.RandomFlip(seed=2)], 2, seed=3
        ),
    ],
    ids=lambda layer: layer.name,
)
@pytest.mark.backends
def test_mixing_layers_reach_all_images(layer):
    """Also those that did not choose the layer: partners come from all of the batch."""
    expected, parameters = layer(MIXED, return_parameters=True)
    assert not np.array_equal(expected["images"], MIXED["images"])
    again = layer(MIXED, parameters=parameters)
    np.testing.assert_array_equal(again["images"], expected["images"])
    found = compiled(layer)(as_tensors(MIXED), parameters=as_tensors(parameters))
    # Of 255, and sums are made in another order: 4e-6 of the range.
    np.testing.assert_allclose(
        as_arrays(found["images"]), expected["images"], rtol=0, atol=1e-3
    )
    np.testing.assert_allclose(as_arrays(found["labels"]), expected["labels"], 1e-5)


@pytest.mark.parametrize(
    "make",
    [
        lambda layer: P.RandomChoice([layer]),
        lambda layer: P.RandomApply(layer),
        lambda layer: P.RandomAugmentationPipeline([layer], 1),
    ],
)
def test_the_number_of_boxes_has_to_stay(make):
    inputs = {**MIXED, "bounding_boxes": INPUTS["bounding_boxes"]}
    with pytest.raises(ValueError, match="MixUp changes how many boxes"):
        make(P.MixUp())(inputs)


@pytest.mark.parametrize(
    "make",
    [
        lambda layer: P.RandomChoice([layer]),
        lambda layer: P.RandomApply(layer),
        lambda layer: P.RandomAugmentationPipeline([layer], 1),
    ],
)
def test_the_dtype_of_images_has_to_stay(make):
    with pytest.raises(ValueError, match="Normalize makes float32 images of uint8"):
        make(P.Normalize())(IMAGES)
    assert make(P.Normalize())(MIXED)["images"].dtype == "float32"


@pytest.mark.backends
def test_one_choice_for_a_batch_may_change_sizes():
    layer = P.RandomChoice(
        [P.Resizing(8, 12), P.RandomCrop(8, 12, seed=1)], batchwise=True, seed=2
    )
    _, parameters = layer(IMAGES, return_parameters=True)
    call = compiled(layer)
    for number in range(2):
        parameters["choice"] = np.full(4, number, "int32")
        expected = layer(IMAGES, parameters=parameters)
        assert expected.shape == (4, 8, 12, 3)
        found = call(as_tensors(IMAGES), parameters=as_tensors(parameters))
        difference = as_arrays(found).astype(int) - expected
        assert np.abs(difference).max() <= 1


@pytest.mark.parametrize(
    "layer",
    [
        P.AugMix(seed=1),
        P.RandAugment(seed=1, **BOXES),
        P.RandomChoice([P.Equalization(), P.RandomFlip(seed=2, **BOXES)], seed=1),
    ],
    ids=lambda layer: layer.name,
)
def test_many_images_in_parts(layer):
    """More than go through the layers together are changed as they are alone."""
    images = np.concatenate([IMAGES + np.uint8(i) for i in range(5)])  # 20
    expected, parameters = layer(images, return_parameters=True)
    assert isinstance(expected, np.ndarray)
    for i in (0, 15, 16, 19):
        mine = keras.tree.map_structure(lambda x, i=i: x[i : i + 1], parameters)
        alone = layer(images[i : i + 1], parameters=mine)[0]
        np.testing.assert_array_equal(expected[i], alone)
    found = layer(as_tensors(images), parameters=as_tensors(parameters))
    difference = np.abs(as_arrays(found).astype(int) - expected)
    # Equalization may put a level elsewhere where a step before it was rounded.
    assert np.mean(difference > 1) < 0.02


# With seeds, because equalization may differ by more for some draws.
@pytest.mark.parametrize(
    "layer",
    [
        P.RandomChoice(
            [P.RandAugment(seed=1, **BOXES), P.RandomFlip(seed=2, **BOXES)], seed=3
        ),
        P.RandomApply(
            P.Augmenter([P.RandomFlip(seed=4, **BOXES), P.Solarization(seed=5)]), seed=6
        ),
        pytest.param(
            P.RandomAugmentationPipeline(
                [
                    P.RandomChoice(
                        [P.RandomFlip(seed=7, **BOXES), P.Grayscale(3)], seed=8
                    ),
                    P.RandAugment(seed=9),
                ],
                2,
                seed=10,
            ),
            marks=pytest.mark.backends,
        ),
    ],
    ids=lambda layer: layer.name,
)
def test_containers_in_containers(layer):
    inputs = {"images": IMAGES}
    expected, parameters = layer(inputs, return_parameters=True)
    again = layer(inputs, parameters=parameters)
    np.testing.assert_array_equal(again["images"], expected["images"])
    found = compiled(layer)(as_tensors(inputs), parameters=as_tensors(parameters))
    difference = np.abs(as_arrays(found["images"]).astype(int) - expected["images"])
    assert np.mean(difference > 1) < 0.02  # see above


def test_many_images_of_different_sizes():
    images = [np.full((4 + i // 16, 5, 3), 100, "uint8") for i in range(20)]
    found = P.RandAugment(seed=1)(images)
    assert [image.shape for image in found] == [image.shape for image in images]
