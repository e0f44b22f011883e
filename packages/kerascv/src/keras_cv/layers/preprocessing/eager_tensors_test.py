"""Tensors that have values: changed on the host where that is better, or all there is.

TensorFlow's are changed by NumPy, which is faster and takes images of different sizes.
"""

import keras
import numpy as np
import pytest

from keras_cv.layers import preprocessing as P
from keras_cv.layers.preprocessing.cases_test import BOXES, sample

SIZES = ((8, 8), (5, 4), (6, 9))
IMAGES = sample()["images"]


def ragged_samples(tf):
    """Images, masks and boxes of three samples: as ragged tensors, and as lists."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (*size, 3)).astype("float32") for size in SIZES]
    masks = [rng.integers(0, 4, (*size, 1)).astype("int32") for size in SIZES]
    boxes = [[[0.0, 1.0, 3.0, 4.0]], [], [[1.0, 1.0, 3.0, 4.0], [0.0, 0.0, 2.0, 2.0]]]
    classes = [[0], [], [2, 1]]
    lists = {
        "images": images,
        "segmentation_masks": masks,
        "bounding_boxes": {"boxes": boxes, "classes": classes},
    }
    tensors = {
        "images": tf.ragged.stack(images),
        "segmentation_masks": tf.ragged.stack(masks),
        "bounding_boxes": {
            "boxes": tf.ragged.constant(boxes, ragged_rank=1, inner_shape=(4,)),
            "classes": tf.ragged.constant(classes),
        },
    }
    return tensors, lists


@pytest.mark.backends("tensorflow")
@pytest.mark.parametrize("graph", [False, True])
def test_ragged_samples(graph):
    import tensorflow as tf

    tensors, lists = ragged_samples(tf)
    for make in (
        lambda: P.RandomFlip(seed=1, graph=graph, **BOXES),
        lambda: P.RandomAspectRatio((0.5, 2.0), seed=1, graph=graph, **BOXES),
        lambda: P.RandomBrightness(0.3, seed=1, graph=graph),
    ):
        found, expected = make()(tensors), make()(lists)
        for key in ("images", "segmentation_masks"):
            assert isinstance(found[key], tf.RaggedTensor)
            assert found[key].dtype == tensors[key].dtype
            for a, b in zip(found[key], expected[key], strict=True):
                np.testing.assert_allclose(a.to_tensor(), b, rtol=1e-6)
        for key, rows in expected["bounding_boxes"].items():
            np.testing.assert_array_equal(found["bounding_boxes"][key], rows)
    resized = P.Resizing(4, 6, **BOXES)(tensors)
    expected = P.Resizing(4, 6, **BOXES)(lists)
    assert resized["images"].shape == (3, 4, 6, 3)
    np.testing.assert_allclose(resized["images"], expected["images"], rtol=1e-6)


@pytest.mark.backends("tensorflow")
@pytest.mark.parametrize("graph", [False, True])
def test_ragged_boxes_with_classes_that_are_integers(graph):
    import tensorflow as tf

    boxes = ragged_samples(tf)[0]["bounding_boxes"]
    samples = {"images": tf.ones((3, 8, 8, 3)), "bounding_boxes": boxes}
    layer = P.RandomFlip(rate=1.0, graph=graph, **BOXES)
    expected = [[0, -1], [-1, -1], [2, 1]]
    moved = [5.0, 1.0, 8.0, 4.0]
    inside = tf.function(layer)
    (mapped,) = tf.data.Dataset.from_tensors(samples).map(layer)
    for found in (layer(samples), inside(samples), mapped):
        found = found["bounding_boxes"]
        assert found["classes"].numpy().tolist() == expected
        assert found["boxes"][0, 0].numpy().tolist() == moved


@pytest.mark.backends
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float16"])
def test_what_only_the_host_can_do(dtype):
    images = keras.ops.convert_to_tensor(IMAGES.astype(dtype))
    found = P.RandomJpegQuality((50, 50))(images)
    expected = P.RandomJpegQuality((50, 50))(IMAGES)
    assert keras.ops.is_tensor(found) and found.dtype == images.dtype
    values = keras.ops.convert_to_numpy(found).astype("float32")
    np.testing.assert_allclose(values, expected, atol=1)
    single = P.RandomJpegQuality((50, 100))(images[0])
    assert single.shape == images[0].shape
    ratio = P.RandomAspectRatio((2.0, 2.0))
    assert ratio(images[0]).shape == (16, 80, 3)
    many = ratio(images)
    assert all(image.shape[0] == 16 for image in many)
    chosen = P.RandomApply(P.RandomJpegQuality((10, 20)), rate=1.0)
    assert chosen(images).shape == images.shape


@pytest.mark.backends("tensorflow")
def test_images_that_become_different_are_ragged():
    import tensorflow as tf

    found = P.RandomAspectRatio((0.5, 2.0), seed=1)(tf.constant(IMAGES))
    assert isinstance(found, tf.RaggedTensor)
    expected = P.RandomAspectRatio((0.5, 2.0), seed=1)(IMAGES)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a.to_tensor(), b)
    alike = P.RandomAspectRatio((2.0, 2.0))(tf.constant(IMAGES))
    assert isinstance(alike, tf.RaggedTensor)


@pytest.mark.backends("tensorflow")
def test_tensors_draw_and_compute_as_arrays_do():
    import tensorflow as tf

    full = sample("float32")
    tensors = keras.tree.map_structure(tf.constant, full)
    layer = lambda: P.RandAugment(seed=4, **BOXES)  # noqa: E731
    expected, drawn = layer()(full, return_parameters=True)
    found, parameters = layer()(tensors, return_parameters=True)
    again = layer()(tensors, parameters=parameters)
    for a, b, c, d in zip(
        *(keras.tree.flatten(x) for x in (expected, found, again, full)), strict=True
    ):
        assert tf.is_tensor(b)
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(b, c)
        assert a.dtype == d.dtype or d.dtype == "float32"
    assert all(map(tf.is_tensor, keras.tree.flatten(parameters)))
    assert len(keras.tree.flatten(drawn)) == len(keras.tree.flatten(parameters))


@pytest.mark.backends("tensorflow")
def test_gradients_go_through_what_the_host_did():
    import tensorflow as tf

    images = tf.constant(sample("float32")["images"])
    weights = tf.random.stateless_uniform(images.shape, [1, 2])
    flip, bright = P.RandomFlip(seed=1), P.RandomBrightness(0.0)
    with tf.GradientTape() as tape:
        tape.watch(images)
        flipped, parameters = flip(images, return_parameters=True)
        total = tf.reduce_sum(bright(flipped) * weights)
    found = tape.gradient(total, images)
    # What is flipped has the gradient of what it is multiplied by, flipped back.
    expected = flip(weights, parameters=parameters)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.backends("tensorflow")
def test_a_graph_draws_anew_for_tensors_that_it_closes_over():
    import tensorflow as tf

    images, layer = tf.constant(IMAGES.astype("float32")), P.RandomBrightness(0.5)
    run = tf.function(lambda: layer(images))
    assert not np.array_equal(run(), run())


@pytest.mark.backends("tensorflow")
def test_in_a_model_it_follows_the_flag():
    import tensorflow as tf

    layer = P.RandomBrightness((0.5, 0.5))
    model = keras.Sequential([keras.Input((32, 40, 3)), layer])
    images = tf.zeros((2, 32, 40, 3))
    assert float(tf.reduce_max(model(images, training=False))) == 0
    np.testing.assert_allclose(model(images, training=True), 127.5)
