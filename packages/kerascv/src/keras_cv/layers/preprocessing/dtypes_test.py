"""Which dtypes images may have, and which come out."""

import keras
import numpy as np
import pytest

from keras_cv.layers import preprocessing as P
from keras_cv.layers.preprocessing.cases_test import BOXES, CASES, sample
from keras_cv.layers.preprocessing.matrix_test import (
    make,
    to_numpy,
)

IMAGES = sample()["images"]
MASKS = sample()["segmentation_masks"]
each_case = pytest.mark.parametrize("name", CASES)
INTEGERS = ("int8", "int16", "int32", "int64", "uint32", "uint64")


def assert_equal(found, expected):
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@each_case
def test_integers_are_float32(name):
    """As upstream, which cast all images; uint8 alone stays."""
    expected = make(name)(IMAGES.astype("float32"), index=3)
    for dtype in ("int32", "int64"):
        assert_equal(make(name)(IMAGES.astype(dtype), index=3), expected)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_all_kinds_of_integers(dtype):
    images = (IMAGES // 2).astype(dtype)
    expected = images[:, :, ::-1].astype("float32")
    flip = P.RandomFlip(rate=1.0)
    assert_equal(flip(images), expected)
    assert_equal(flip(list(images)), expected)


@pytest.mark.backends
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64", "float16", "float32"])
def test_tensors_of_integers(dtype):
    """Where a device has no integers of 64 bits, they are of 32 before they come."""
    tensor = keras.ops.convert_to_tensor(IMAGES.astype(dtype))
    for layer, expected in (
        (P.RandomFlip(rate=1.0), dtype if "int" not in dtype[:3] else "float32"),
        (P.Rescaling(1.0), "float32"),
        (P.RandomFlip(rate=1.0, dtype="float16"), "float16"),
        (P.Rescaling(1.0, dtype="uint8"), "uint8"),
    ):
        found = layer(tensor)
        assert keras.backend.standardize_dtype(found.dtype) == expected
        values = keras.ops.convert_to_numpy(found)
        flipped = IMAGES[:, :, ::-1] if isinstance(layer, P.RandomFlip) else IMAGES
        # Steps of float16 are 0.125 at 255.
        np.testing.assert_allclose(values, flipped.astype(expected), atol=0.2)


@pytest.mark.parametrize("graph", [False, True])
def test_integers_in_a_dataset(graph):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    data = tf.data.Dataset.from_tensors(IMAGES.astype("int64"))
    for dtype, expected in ((None, "float32"), ("float16", "float16")):
        flip = P.RandomFlip(rate=1.0, graph=graph, dtype=dtype)
        mapped = data.map(flip)
        assert mapped.element_spec.dtype == expected
        found = next(iter(mapped)).numpy()
        np.testing.assert_array_equal(found, IMAGES[:, :, ::-1].astype(expected))


@each_case
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_dtype_is_that_of_the_images_that_come_out(name, dtype):
    case = CASES[name]
    layer = make(name)
    told = type(layer).from_config({**layer.get_config(), "dtype": dtype})
    assert told.get_config()["dtype"] == dtype
    for images in (IMAGES, IMAGES.astype("float32")):
        for image in told(images, index=3):
            assert image.dtype == dtype
        if "backend" not in case.impossible:
            for image in told(keras.ops.convert_to_tensor(images)):
                assert keras.backend.standardize_dtype(image.dtype) == dtype


def test_nothing_is_rounded_on_the_way_to_a_float_dtype():
    """Upstream casts first, and works on floats."""
    layer = P.RandomBrightness(0.3, seed=1, dtype="float32")
    expected = P.RandomBrightness(0.3, seed=1)(IMAGES.astype("float32"))
    assert_equal(layer(IMAGES), expected)
    assert (np.asarray(expected) % 1 > 0).any()


def test_what_becomes_an_integer_is_rounded_and_clipped():
    image = np.array([[[-3.0, 300.0, 2.6]]], "float32")
    for dtype, expected in (
        ("uint8", [0, 255, 3]),
        ("int16", [-3, 300, 3]),
        ("int32", [-3, 300, 3]),
    ):
        flip = P.RandomFlip(rate=0.0, dtype=dtype)
        for found in (flip(image), to_numpy(flip(keras.ops.convert_to_tensor(image)))):
            assert found.dtype == dtype
            assert found.ravel().tolist() == expected
    large = P.RandomFlip(dtype="int32")(np.full((1, 1, 1), 1e12, "float32")).item()
    assert 2**31 - 2**8 < large < 2**31


def test_a_policy_says_what_it_computes_in():
    assert P.RandomFlip(dtype="mixed_float16")(IMAGES).dtype == "float16"
    assert P.RandomFlip(dtype="mixed_bfloat16")(IMAGES).dtype == "bfloat16"
    policy = keras.dtype_policies.DTypePolicy("float64")
    assert P.RandomFlip(dtype=policy)(IMAGES).dtype == "float64"


def test_without_chance_it_is_honoured_too():
    found = P.RandomFlip(dtype="float32")(IMAGES, training=False)
    assert_equal(found, IMAGES.astype("float32"))


def test_a_value_range_belongs_to_the_images_that_go_in():
    with pytest.raises(ValueError, match="received uint8 images"):
        P.RandomBrightness(0.1, (0, 1), dtype="float32")(IMAGES)


def test_layers_that_hold_others():
    flip, bright = P.RandomFlip(dtype="float32"), P.RandomBrightness(0.2)
    for layer, expected in (
        (P.Augmenter([flip, bright]), "float32"),
        (P.Augmenter([flip, bright], dtype="uint8"), "uint8"),
        (P.Augmenter([bright, flip]), "float32"),
        (P.RandomChoice([flip, flip], batchwise=True), "float32"),
        (P.RandomChoice([P.Rescaling(2.0), bright], dtype="float32"), "float32"),
        (P.RandomApply(bright, dtype="float32"), "float32"),
        (P.RandAugment(dtype="float32"), "float32"),
        (P.RepeatedAugmentation([flip, flip]), "float32"),
    ):
        assert layer(IMAGES).dtype == expected
        tensor = layer(keras.ops.convert_to_tensor(IMAGES))
        assert keras.backend.standardize_dtype(tensor.dtype) == expected
        assert layer.dtype_of_images("uint8") == expected
    with pytest.raises(ValueError, match="float32 images of uint8 ones"):
        P.RandomApply(flip)(IMAGES)


def views(array):
    """The same numbers, laid out in other ways."""
    yield (
        "channels first",
        np.moveaxis(np.ascontiguousarray(np.moveaxis(array, -1, 1)), 1, -1),
    )
    yield "Fortran", np.asfortranarray(array)
    yield "backwards", np.ascontiguousarray(array[:, ::-1, ::-1])[:, ::-1, ::-1]
    yield "other bytes", array.astype(array.dtype.newbyteorder())
    yield "every second", np.repeat(np.repeat(array, 2, 1), 2, 2)[:, ::2, ::2]
    read_only = array.copy()
    read_only.flags.writeable = False
    yield "read only", read_only


@each_case
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_views(name, dtype):
    images = IMAGES.astype(dtype)
    expected = make(name)(images, index=3)
    for kind, view in views(images):
        found = make(name)(view, index=3)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b, err_msg=kind)


@pytest.mark.parametrize("name", ["CutMix", "FourierMix", "RandomCrop", "RandomZoom"])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32"])
def test_views_of_masks(name, dtype):
    masks = np.concatenate([MASKS, MASKS[..., ::-1]], -1).astype(dtype)
    expected = make(name)({"images": IMAGES, "segmentation_masks": masks}, index=3)
    for kind, view in views(masks):
        inputs = {"images": IMAGES, "segmentation_masks": view}
        found = make(name)(inputs, index=3)["segmentation_masks"]
        assert found.dtype == dtype
        np.testing.assert_array_equal(
            found, expected["segmentation_masks"], err_msg=kind
        )


@each_case
def test_one_value_broadcast(name):
    expected = make(name)(np.full((2, 16, 16, 3), 7, "uint8"), index=3)
    found = make(name)(np.broadcast_to(np.uint8(7), (2, 16, 16, 3)), index=3)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_boxes_and_keypoints_of_other_bytes():
    full = sample()
    swapped = keras.tree.map_structure(
        lambda x: np.asarray(x).astype(np.asarray(x).dtype.newbyteorder()), full
    )
    flip = P.RandomFlip(rate=1.0, **BOXES)
    expected, found = flip(full), flip(swapped)
    for key in ("bounding_boxes", "keypoints", "labels", "segmentation_masks"):
        for a, b in zip(
            keras.tree.flatten(found[key]),
            keras.tree.flatten(expected[key]),
            strict=True,
        ):
            np.testing.assert_array_equal(a, b)
