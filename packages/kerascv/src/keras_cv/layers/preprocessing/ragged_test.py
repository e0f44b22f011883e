"""Images of different sizes in `tf.data`, as ragged tensors."""

import numpy as np
import pytest

from keras_cv.layers import preprocessing as P
from keras_cv.layers.preprocessing.cases_test import BOXES, sample

tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
SIZES = ((32, 40), (24, 52), (30, 30))


def samples():
    """One sample for each size."""
    for i, size in enumerate(SIZES):
        batch = sample(size=size, seed=i)
        del batch["id"]
        yield {
            key: {k: v[i] for k, v in value.items()}
            if isinstance(value, dict)
            else value[i]
            for key, value in batch.items()
        }


def dataset():
    signature = {
        "images": tf.TensorSpec((None, None, 3), tf.uint8),
        "labels": tf.TensorSpec((6,), tf.float32),
        "bounding_boxes": {
            "boxes": tf.TensorSpec((None, 4), tf.float32),
            "classes": tf.TensorSpec((None,), tf.float32),
        },
        "segmentation_masks": tf.TensorSpec((None, None, 1), tf.uint8),
        "keypoints": tf.TensorSpec((5, 2), tf.float32),
    }
    data = tf.data.Dataset.from_generator(samples, output_signature=signature)
    return data.ragged_batch(len(SIZES))


def on_host(layer):
    pairs = {}
    for one in samples():
        for key, value in one.items():
            if key == "bounding_boxes":
                for name, array in value.items():
                    pairs.setdefault(key, {}).setdefault(name, []).append(array)
            else:
                pairs.setdefault(key, []).append(value)
    pairs["labels"], pairs["keypoints"] = (
        np.stack(pairs[key]) for key in ("labels", "keypoints")
    )
    return layer(pairs, index=np.arange(len(SIZES)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: P.RandomFlip(seed=1, **BOXES),
        lambda: P.RandomAspectRatio((0.6, 1.5), seed=1, **BOXES),
        lambda: P.RandomBrightness(0.3, seed=1),
        lambda: P.Augmenter([P.RandomFlip(seed=1), P.RandomBrightness(0.2, seed=1)]),
    ],
)
def test_ragged_images_stay_ragged(make):
    layer, index = make(), np.arange(len(SIZES))
    data = dataset()
    if isinstance(layer, P.Augmenter):
        data = data.map(lambda x: {key: x[key] for key in ("images", "labels")})
    mapped = data.map(lambda x: layer(x, index=index))
    assert isinstance(mapped.element_spec["images"], tf.RaggedTensorSpec)
    found = next(iter(mapped))
    if isinstance(layer, P.Augmenter):
        images = {"images": [one["images"] for one in samples()]}
        expected = make()(images, index=index)
    else:
        expected = on_host(make())
    for key in ("images", "segmentation_masks"):
        for i in range(len(SIZES) if key in found else 0):
            array = found[key][i].to_tensor().numpy()
            np.testing.assert_array_equal(array, expected[key][i])
    if "bounding_boxes" in found:
        boxes = found["bounding_boxes"]["boxes"].numpy()
        np.testing.assert_array_equal(boxes, expected["bounding_boxes"]["boxes"])


def test_ragged_images_become_dense():
    make = lambda: P.RandomCropAndResize(  # noqa: E731
        (20, 24), (0.5, 1.0), (0.8, 1.2), seed=1, **BOXES
    )
    layer, index = make(), np.arange(len(SIZES))
    mapped = dataset().map(lambda x: layer(x, index=index))
    assert tuple(mapped.element_spec["images"].shape) == (None, 20, 24, 3)
    assert tuple(mapped.element_spec["segmentation_masks"].shape) == (None, 20, 24, 1)
    found, expected = next(iter(mapped)), on_host(make())
    np.testing.assert_array_equal(found["images"], expected["images"])


def test_images_that_become_different_are_ragged():
    layer = P.RandomAspectRatio((0.6, 1.5), seed=1)
    images = sample()["images"]
    mapped = tf.data.Dataset.from_tensors(images).map(lambda x: layer(x, index=3))
    assert isinstance(mapped.element_spec, tf.RaggedTensorSpec)
    found = next(iter(mapped))
    for i, image in enumerate(layer(images, index=3)):
        np.testing.assert_array_equal(found[i].to_tensor(), image)


def test_images_of_one_width():
    """Their ragged tensor has one axis of different lengths only."""
    images = [np.full((height, 5, 3), height, "uint8") for height in (3, 6)]
    ragged = tf.RaggedTensor.from_row_lengths(np.concatenate(images), [3, 6])
    flip = P.RandomFlip(seed=1)
    found = next(iter(tf.data.Dataset.from_tensors(ragged).map(flip)))
    for i, image in enumerate(images):
        np.testing.assert_array_equal(found[i].to_tensor(), image)


# On TensorFlow they are the backend's tensors.
@pytest.mark.backends("torch", "jax")
def test_ragged_images_with_values_become_a_list():
    images = [one["images"] for one in samples()]
    found = P.RandomFlip(seed=1)(tf.ragged.stack(images), index=3)
    expected = P.RandomFlip(seed=1)(images, index=3)
    for first, second in zip(found, expected, strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize(
    "make",
    [
        lambda **k: P.RandomCrop(20, 48, seed=1, **k),
        lambda **k: P.RandomCrop(20, 30, seed=1, **k),
        lambda **k: P.RandomRotation(0.1, seed=1, **k),
        lambda **k: P.Resizing(20, 24, "bicubic", True, **k),
        lambda **k: P.JitteredResize((20, 24), (0.5, 2.0), seed=1, **k),
    ],
)
def test_sizes_that_a_graph_does_not_know(make):
    images = sample()["images"]
    unknown = tf.TensorSpec((None, None, None, 3), tf.uint8)
    data = tf.data.Dataset.from_generator(lambda: [images], output_signature=unknown)
    layer = make(graph=True)
    found = next(iter(data.map(lambda x: layer(x, index=7)))).numpy()
    expected = make()(images, index=7)
    assert np.abs(found.astype(int) - expected).max() <= 1
