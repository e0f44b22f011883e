"""Defects of KerasCV that are tested nowhere else, and where the others are.

| defect | test |
| --- | --- |
| 7, boxes of RandomShear | random_shear_test.py, geometric_augmentation_test.py |
| 8, AugMix draws, masks | aug_mix_test.py; matrix_test.py (masks are refused) |
| 9, 10, noise of GridMask, width of RandomCutout | covering_augmentation_test.py |
| 11, labels and boxes of CutMix and FourierMix | mixing_augmentation_test.py |
| 12, interpolation and seed of JitteredResize | jittered_resize_test.py |
| 13, 14, value ranges, the strongest saturation | color_augmentation_test.py |
| 15, seeds | matrix_test.py; on tensors here |
| 16, the caller's dict | matrix_test.py; on tensors here |
| 17, boxes of one image | matrix_test.py; in `tf.data` here |
| 18, boxes of RandomRotation | random_geometry_test.py; sizes here |
| 19, Posterization, Resizing | color_augmentation_test.py, resizing_test.py |
| 23, losses | focal_loss_test.py, losses_test.py |
| 28, configs of layers that hold others | matrix_test.py |
| 29, plots | visualization_test.py |
| 30, formats of boxes | convert_format_test.py |
| 33, mixed precision | matrix_test.py; under a policy here |
"""

import keras
import numpy as np
import pytest

from keras_cv.layers import preprocessing as P
from keras_cv.layers.preprocessing.cases_test import BOXES, CASES
from keras_cv.layers.preprocessing.matrix_test import (
    expecting,
    inputs_of,
    make,
    to_numpy,
    to_tensors,
)

# Layers that did not hand their seed on, and some of each kind.
SEEDED = (
    *("JitteredResize", "RandomColorDegeneration", "RandomColorJitter", "CutMix"),
    *("MixUp", "Mosaic", "FourierMix", "RandAugment", "RandomChoice"),
)
OF_EACH_KIND = ("RandomFlip", "RandomBrightness", "RandomCrop", "CutMix", "RandAugment")


def images_of(layer, inputs):
    return to_numpy(layer(to_tensors(inputs)))["images"]


@pytest.mark.parametrize(
    "name", [pytest.param("RandomFlip", marks=pytest.mark.backends), *SEEDED]
)
def test_defect_15_seeds_of_draws_on_tensors(name):
    """Upstream took no seed for `seed=0`, and drew from the global state."""
    inputs = {k: v for k, v in inputs_of(name).items() if k in ("images", "labels")}
    layer, same, other = (make(name, seed=seed) for seed in (0, 0, 1))
    first = images_of(layer, inputs)
    np.testing.assert_array_equal(first, images_of(same, inputs))
    if CASES[name].has_own_seed:
        calls = [images_of(other, inputs), images_of(layer, inputs)]
        assert any(not np.array_equal(first, call) for call in calls)


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_defect_16_leaves_dicts_of_tensors_alone(name):
    """Upstream wrote to the dict of boxes that it was given."""
    inputs = to_tensors(inputs_of(name))
    before = keras.tree.map_structure(id, inputs)
    values = keras.tree.map_structure(np.copy, to_numpy(inputs))
    make(name)(inputs)
    assert keras.tree.map_structure(id, inputs) == before
    keras.tree.map_structure(np.testing.assert_array_equal, to_numpy(inputs), values)


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("name", ["RandomFlip", "RandomRotation", "Resizing"])
def test_defect_17_one_image_in_a_dataset(name, graph):
    """Upstream raised for boxes of one image, which got an axis too many."""
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    inputs = inputs_of(name)
    layer = make(name, graph=graph)
    dataset = tf.data.Dataset.from_tensor_slices(inputs)
    mapped = dataset.map(lambda x: layer(x, index=4))
    assert mapped.element_spec["bounding_boxes"]["boxes"].shape == (3, 4)
    single = keras.tree.map_structure(lambda x: x[0], inputs)
    expected = make(name)(single, index=4)["bounding_boxes"]
    found = next(iter(mapped))["bounding_boxes"]
    for key in expected:
        # Of pixels; with `graph` another library multiplied the matrices.
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    "name", [name for name in CASES if "keypoints" not in CASES[name].impossible]
)
def test_defect_18_boxes_of_images_of_different_sizes(name):
    """Upstream moved boxes and keypoints of a batch as if all were of the largest."""
    case, layer = CASES[name], make(name)
    keys = ("images", "bounding_boxes", "keypoints")
    wholes = [inputs_of(name), inputs_of(name, size=(24, 52))]
    samples = [
        keras.tree.map_structure(lambda x, i=i: x[i], {k: x[k] for k in keys if k in x})
        for i, x in enumerate(wholes)
    ]
    batch = {key: [x[key] for x in samples] for key in ("images", "keypoints")}
    batch["bounding_boxes"] = {
        key: [x["bounding_boxes"][key] for x in samples] for key in ("boxes", "classes")
    }
    with expecting(case, "sizes"):
        found = layer(batch, index=np.array([0, 1]))
        for i, one in enumerate(samples):
            single = keras.tree.map_structure(lambda x: x[None], one)
            expected = layer(single, index=np.array([i]))
            for a, b in zip(
                keras.tree.flatten(found["bounding_boxes"]) + [found["keypoints"]],
                keras.tree.flatten(expected["bounding_boxes"])
                + [expected["keypoints"]],
                strict=True,
            ):
                np.testing.assert_allclose(a[i], b[0], rtol=1e-5, atol=1e-4)


@pytest.fixture
def mixed_precision():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_defect_33_a_policy_of_mixed_precision_changes_no_dtypes(name, mixed_precision):
    """Upstream cast images and boxes, or failed; boxes in float16 are off by pixels."""
    inputs = inputs_of(name)
    layer = make(name)
    for found in (layer(inputs), to_numpy(layer(to_tensors(inputs)))):
        assert found["images"].dtype == "uint8"
        assert found["bounding_boxes"]["boxes"].dtype == "float32"
        assert found["keypoints"].dtype == "float32"
        assert found["segmentation_masks"].dtype == "uint8"
        assert found["labels"].dtype == "float32"


def test_defect_33_boxes_of_large_images_are_exact(mixed_precision):
    """float16 has no odd numbers above 2,048."""
    images = np.zeros((1, 4, 4099, 3), "uint8")
    boxes = np.array([[[2051.0, 1, 4097, 3]]], "float32")
    classes = np.ones((1, 1), "float32")
    inputs = {"images": images, "bounding_boxes": {"boxes": boxes, "classes": classes}}
    layer = P.RandomFlip(rate=1.0, **BOXES)
    for found in (layer(inputs), to_numpy(layer(to_tensors(inputs)))):
        np.testing.assert_array_equal(
            found["bounding_boxes"]["boxes"], [[[2, 1, 2048, 3]]]
        )
