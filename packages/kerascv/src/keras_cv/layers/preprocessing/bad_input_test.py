"""What no layer can use, or has to take all the same."""

import inspect

import keras
import numpy as np
import pytest

from keras_cv.layers import preprocessing as P
from keras_cv.layers.preprocessing.cases_test import BOXES, CASES, sample
from keras_cv.layers.preprocessing.matrix_test import (
    BACKEND,
    make,
    to_numpy,
    to_tensors,
)

SAMPLE = sample()
IMAGES, ROWS = SAMPLE["images"], SAMPLE["bounding_boxes"]
MASKS = SAMPLE["segmentation_masks"]
RNG = np.random.default_rng(0)
on_host = pytest.mark.skipif(
    BACKEND != "torch", reason="NumPy's engine is the same on all backends"
)
each_case = pytest.mark.parametrize("name", CASES)
no_jpeg = pytest.mark.parametrize(
    "name", [name for name in CASES if name != "RandomJpegQuality"]
)

BAD_IMAGES = {
    "rank 2": (IMAGES[0, ..., 0], "Add the axis of channels"),
    "rank 5": (IMAGES[None], "to have the shape"),
    "none": (IMAGES[:0], "has no pixels"),
    "0 x 0": (np.zeros((2, 0, 0, 3), "uint8"), "has no pixels"),
    "height 0": (np.zeros((2, 0, 5, 3), "float32"), "has no pixels"),
    "width 0": (np.zeros((2, 5, 0, 3), "uint8"), "has no pixels"),
    "uint16": (IMAGES.astype("uint16"), "Convert it with `astype`"),
    "int64": (IMAGES.astype("int64"), "Convert it with `astype`"),
    "bool": (IMAGES > 127, "Convert it with `astype`"),
}
# What belongs to images, and does not fit to them.
BAD_LABELS = {
    "labels of fewer images": {"labels": SAMPLE["labels"][:3]},
    "both names of labels": {"labels": SAMPLE["labels"], "targets": SAMPLE["labels"]},
    "boxes of fewer images": {
        "bounding_boxes": {key: value[:3] for key, value in ROWS.items()}
    },
    "fewer classes than boxes": {
        "bounding_boxes": {"boxes": ROWS["boxes"], "classes": ROWS["classes"][:, :2]}
    },
    "boxes of three numbers": {
        "bounding_boxes": {**ROWS, "boxes": ROWS["boxes"][..., :3]}
    },
    "boxes without classes": {"bounding_boxes": {"boxes": ROWS["boxes"]}},
    "boxes alone": {"bounding_boxes": ROWS["boxes"]},
    "keypoints of fewer images": {"keypoints": SAMPLE["keypoints"][:3]},
    "keypoints without an axis": {"keypoints": SAMPLE["keypoints"][:, 0]},
    "masks of another size": {"segmentation_masks": MASKS[:, ::2]},
    "masks without channels": {"segmentation_masks": MASKS[..., 0]},
}
# On tensors one layer of each kind: they share what reads the samples.
OF_EACH_KIND = ("RandomFlip", "RandomBrightness", "MixUp", "RandAugment")


@on_host
@each_case
@pytest.mark.parametrize("bad", BAD_IMAGES)
def test_images(name, bad):
    images, message = BAD_IMAGES[bad]
    with pytest.raises(ValueError, match=message):
        make(name)(images)


@pytest.mark.parametrize("name", OF_EACH_KIND)
@pytest.mark.parametrize("bad", ["rank 2", "0 x 0", "int64", "bool"])
def test_tensors(name, bad):
    images, message = BAD_IMAGES[bad]
    with pytest.raises(ValueError, match=message):
        make(name)(keras.ops.convert_to_tensor(images))


@on_host
@each_case
@pytest.mark.parametrize("bad", BAD_LABELS)
def test_labels(name, bad):
    with pytest.raises(ValueError, match="[Ee]xpected"):
        make(name)({"images": IMAGES, **BAD_LABELS[bad]})


@pytest.mark.parametrize("name", OF_EACH_KIND)
@pytest.mark.parametrize("bad", BAD_LABELS)
def test_labels_as_tensors(name, bad):
    with pytest.raises(ValueError, match="[Ee]xpected"):
        make(name)(to_tensors({"images": IMAGES, **BAD_LABELS[bad]}))


@on_host
@each_case
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_one_pixel(name, dtype):
    images = RNG.integers(0, 255, (2, 1, 1, 3)).astype(dtype)
    found = make(name)(images)
    for image in found:
        assert np.isfinite(np.asarray(image, "float64")).all()


@on_host
@each_case
def test_float64_is_float32(name):
    images = IMAGES.astype("float64")
    found, expected = (
        make(name)(x, index=3) for x in (images, images.astype("float32"))
    )
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_array_equal(a, b)


@on_host
@no_jpeg
def test_what_is_no_number_stays_in_its_image(name):
    """It neither raises nor spreads to other images, unless they are mixed."""
    images = IMAGES.astype("float32")
    broken = images.copy()
    broken[1] = np.nan
    layer = make(name)
    if isinstance(layer, P.CutMix | P.MixUp | P.FourierMix | P.Mosaic):
        return
    index = np.arange(len(images))
    found, expected = (layer(x, index=index) for x in (broken, images))
    if isinstance(layer, P.RepeatedAugmentation):
        assert len(found) == len(expected)
        return
    for i in (0, 2, 3):
        np.testing.assert_array_equal(found[i], expected[i])


@on_host
@each_case
def test_boxes_need_a_format(name):
    layer = make(name)
    config = layer.get_config()
    if "bounding_box_format" not in config:
        return
    without = type(layer).from_config({**config, "bounding_box_format": None})
    inputs = {"images": IMAGES, "bounding_boxes": ROWS, "labels": SAMPLE["labels"]}
    with pytest.raises(ValueError, match="does not know their format"):
        without(inputs)
    with pytest.raises(ValueError, match="abc"):
        type(layer).from_config({**config, "bounding_box_format": "abc"})


@pytest.mark.parametrize("name", ["MixUp", "CutMix", "Mosaic", "FourierMix"])
def test_mixing_layers(name):
    layer = make(name)
    with pytest.raises(ValueError, match="one-hot"):
        layer({"images": IMAGES, "labels": np.arange(4)})
    with pytest.raises(ValueError, match="received a single image"):
        layer(IMAGES[0])
    one = {"images": IMAGES[:1], "labels": SAMPLE["labels"][:1]}
    found = layer(one)
    np.testing.assert_allclose(found["labels"], one["labels"], rtol=1e-6)
    if name != "Mosaic":  # which puts four of it together
        np.testing.assert_array_equal(found["images"], one["images"])


def factors():
    """Every argument that is a factor, with the layer that has it."""
    for name in CASES:
        if name != name.partition(" ")[0]:
            continue
        kind = getattr(P, name)
        for argument in inspect.signature(kind).parameters:
            if argument == "factor" or argument.endswith("_factor"):
                yield name, argument


@on_host
@pytest.mark.parametrize(("name", "argument"), list(factors()))
@pytest.mark.parametrize("value", [(0.9, 0.1), "strong", (0.1, 0.2, 0.3), np.nan])
def test_factors(name, argument, value):
    if "contrast" in f"{name}{argument}".lower() and value == (0.9, 0.1):
        return  # how much to lower and how much to raise
    layer = make(name)
    config = {**layer.get_config(), argument: value}
    with pytest.raises(ValueError, match=argument):
        type(layer).from_config(config)


def test_too_many_things_are_named():
    with pytest.raises(ValueError, match="'labels', 'picture'"):
        P.RandomFlip()({"picture": IMAGES, "labels": SAMPLE["labels"]})


def test_boxes_that_are_no_numbers_become_padding():
    boxes = ROWS["boxes"].copy()
    boxes[0, 0] = np.nan
    inputs = {"images": IMAGES, "bounding_boxes": {**ROWS, "boxes": boxes}}
    layer = P.RandomFlip(rate=1.0, **BOXES)
    for found in (layer(inputs), to_numpy(layer(to_tensors(inputs)))):
        found = found["bounding_boxes"]
        assert (found["boxes"][0, 0] == -1).all()
        assert found["classes"][0, 0] == -1
        assert found["classes"][0, 1] == ROWS["classes"][0, 1]
