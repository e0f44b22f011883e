"""What no layer can use, or has to take all the same."""

import inspect
import numbers

import keras
import numpy as np
import pytest

from keras_cv.layers import preprocessing as P
from keras_cv.layers.preprocessing.cases_test import BOXES, CASES, sample
from keras_cv.layers.preprocessing.matrix_test import make, to_numpy, to_tensors

SAMPLE = sample()
IMAGES, ROWS = SAMPLE["images"], SAMPLE["bounding_boxes"]
MASKS = SAMPLE["segmentation_masks"]
RNG = np.random.default_rng(0)
each_case = pytest.mark.parametrize("name", CASES)
MIXES = ("CutMix", "MixUp", "FourierMix", "Mosaic")
# Of the others, JPEG makes colours of what is no number, and repeated images are moved.
keeping_images_apart = pytest.mark.parametrize(
    "name",
    [
        n
        for n in CASES
        if n not in (*MIXES, "RandomJpegQuality", "RepeatedAugmentation")
    ],
)

BAD_IMAGES = {
    "rank 2": (IMAGES[0, ..., 0], "Add the axis of channels"),
    "rank 5": (IMAGES[None], "to have the shape"),
    "none": (IMAGES[:0], "has no pixels"),
    "0 x 0": (np.zeros((2, 0, 0, 3), "uint8"), "has no pixels"),
    "height 0": (np.zeros((2, 0, 5, 3), "float32"), "has no pixels"),
    "width 0": (np.zeros((2, 5, 0, 3), "uint8"), "has no pixels"),
    "uint16": (IMAGES.astype("uint16"), "Scale it"),
    "bool": (IMAGES > 127, "Scale it"),
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
    "one label for all": {"labels": np.float32(1)},
    "labels of rank 3": {"labels": SAMPLE["labels"][:, None]},
    "classes of rank 4": {
        "bounding_boxes": {**ROWS, "classes": ROWS["classes"][..., None, None]}
    },
    "a number of boxes": {"bounding_boxes": {**ROWS, "num_detections": np.arange(4)}},
    "keypoints of one number": {"keypoints": SAMPLE["keypoints"][..., :1]},
    "keypoints in groups": {"keypoints": SAMPLE["keypoints"][:, None]},
    "masks of no channel": {"segmentation_masks": MASKS[..., :0]},
}
# Of these there are no tensors.
BAD_LISTS = {
    "labels of different lengths": {"labels": [[1.0, 0.0], [1.0], [0.0], [0.0]]},
    "words for boxes": {"bounding_boxes": {**ROWS, "boxes": ["a", "b", "c", "d"]}},
    "words for classes": {
        "bounding_boxes": {**ROWS, "classes": np.full((4, 3), "cat")}
    },
    "words for keypoints": {"keypoints": ["a", "b", "c", "d"]},
    "words for masks": {"segmentation_masks": np.full(MASKS.shape, "a")},
    "masks of large numbers": {"segmentation_masks": MASKS.astype("int64") + 2**40},
}
INTEGERS = ("int64", "uint64", "int32", "bool")
OF_EACH_KIND = ("RandomFlip", "RandomBrightness", "MixUp", "RandAugment")


# All layers share what reads the samples.
of_some_or_all = pytest.mark.parametrize(
    "names",
    [OF_EACH_KIND, pytest.param(tuple(CASES), marks=pytest.mark.large)],
    ids=["some", "all"],
)


@of_some_or_all
@pytest.mark.parametrize("bad", BAD_IMAGES)
def test_images(bad, names):
    images, message = BAD_IMAGES[bad]
    for name in names:
        with pytest.raises(ValueError, match=message):
            make(name)(images)


@pytest.mark.parametrize("bad", ["rank 2", "0 x 0", "bool"])
def test_tensors(bad):
    images, message = BAD_IMAGES[bad]
    for name in OF_EACH_KIND:
        with pytest.raises(ValueError, match=message):
            make(name)(keras.ops.convert_to_tensor(images))


@of_some_or_all
@pytest.mark.parametrize("bad", [*BAD_LABELS, *BAD_LISTS])
def test_labels(bad, names):
    for name in names:
        with pytest.raises(ValueError, match="[Ee]xpected|have no channels"):
            make(name)({"images": IMAGES, **{**BAD_LABELS, **BAD_LISTS}[bad]})


@pytest.mark.parametrize("bad", BAD_LABELS)
def test_labels_as_tensors(bad):
    for name in OF_EACH_KIND:
        with pytest.raises(ValueError, match="[Ee]xpected|have no channels"):
            make(name)(to_tensors({"images": IMAGES, **BAD_LABELS[bad]}))


@pytest.mark.parametrize("graph", [False, True])
@pytest.mark.parametrize("name", ["RandomFlip", "MixUp"])
@pytest.mark.parametrize(
    "bad", [*BAD_IMAGES, *BAD_LABELS, "unknown shape", "words", "no images"]
)
def test_datasets_fail_before_they_run(name, bad, graph):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    message = "[Ee]xpected|have no channels"
    inputs = {"images": IMAGES, **BAD_LABELS.get(bad, {})}
    if bad in BAD_IMAGES:
        inputs["images"], message = BAD_IMAGES[bad]
    elif bad == "words":
        inputs |= BAD_LISTS["words for classes"]
    elif bad == "no images":
        inputs = {"labels": SAMPLE["labels"]}
    dataset = tf.data.Dataset.from_tensors(inputs)
    if bad == "unknown shape":
        dataset = tf.data.Dataset.from_generator(
            lambda: [IMAGES], output_signature=tf.TensorSpec(None, "uint8")
        )
        message = "set_shape"
    layer = make(name, graph=graph)
    with pytest.raises(ValueError, match=message):
        dataset.map(lambda x: layer(x))


@pytest.mark.parametrize(
    "name", [n for n in CASES if "segmentation_masks" not in CASES[n].impossible]
)
def test_masks_of_any_integers(name):
    layer = make(name)
    masks = (MASKS > 1).astype("uint8")
    expected, *others = (
        layer({"images": IMAGES, "segmentation_masks": x}, index=1)
        for x in (masks, *map(masks.astype, INTEGERS))
    )
    for dtype, found in zip(INTEGERS, others, strict=True):
        for a, b in zip(
            found["segmentation_masks"], expected["segmentation_masks"], strict=True
        ):
            assert a.dtype == dtype
            np.testing.assert_array_equal(a, b.astype(dtype))


def test_images_without_boxes_or_keypoints_in_lists():
    rows = [[], [[1, 2, 30, 20]], [], []]
    one_hot = [[], [[0, 1]], [], []]
    points = [[], [[3, 4], [5, 6]], [], []]
    inputs = {
        "images": IMAGES,
        "bounding_boxes": {"boxes": rows, "classes": one_hot},
        "keypoints": points,
    }
    found = P.RandomFlip(rate=1.0, **BOXES)(inputs)
    boxes = found["bounding_boxes"]
    np.testing.assert_array_equal(boxes["boxes"][1], [[10, 2, 39, 20]])
    np.testing.assert_array_equal(boxes["classes"][1], [[0, 1]])
    np.testing.assert_array_equal(found["keypoints"][1], [[37, 4], [35, 6]])
    for values in (boxes["boxes"], boxes["classes"], found["keypoints"]):
        assert (values[[0, 2, 3]] == -1).all()


@each_case
def test_one_pixel(name):
    images = RNG.integers(0, 255, (2, 1, 1, 3))
    for dtype in ("uint8", "float32"):
        for image in make(name)(images.astype(dtype)):
            assert np.isfinite(np.asarray(image, "float64")).all()


@pytest.mark.parametrize(
    "name",
    [*OF_EACH_KIND, "RandomRotation", "Resizing"],
)
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_one_pixel_as_a_tensor(name, dtype):
    images = RNG.integers(0, 255, (2, 1, 1, 3)).astype(dtype)
    found = to_numpy(make(name)(keras.ops.convert_to_tensor(images)))
    assert np.isfinite(found.astype("float64")).all()


@each_case
def test_float64_is_float32(name):
    images = IMAGES.astype("float64")
    found, expected = (
        make(name)(x, index=3) for x in (images, images.astype("float32"))
    )
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == np.float32
        np.testing.assert_array_equal(a, b)


@keeping_images_apart
def test_what_is_no_number_stays_in_its_image(name):
    """It neither raises nor spreads to other images."""
    images = IMAGES.astype("float32")
    broken = images.copy()
    broken[1] = np.nan
    layer, index = make(name), np.arange(len(images))
    found, expected = (layer(x, index=index) for x in (broken, images))
    for i in (0, 2, 3):
        np.testing.assert_array_equal(found[i], expected[i])


@pytest.mark.parametrize(
    "name", ["RandomFlip", "RandomBrightness", "RandomRotation", "RandomGaussianBlur"]
)
def test_what_is_no_number_stays_in_its_image_as_a_tensor(name):
    broken = IMAGES.astype("float32")
    broken[1] = np.nan
    found = to_numpy(make(name)(keras.ops.convert_to_tensor(broken)))
    assert np.isnan(found[1]).any()
    assert np.isfinite(found[[0, 2, 3]]).all()


@pytest.mark.parametrize(
    "name", [n for n in CASES if "bounding_box_format" in make(n).get_config()]
)
def test_boxes_need_a_format(name):
    layer = make(name)
    config = layer.get_config()
    without = type(layer).from_config({**config, "bounding_box_format": None})
    inputs = {"images": IMAGES, "bounding_boxes": ROWS, "labels": SAMPLE["labels"]}
    with pytest.raises(ValueError, match="does not know their format"):
        without(inputs)
    if name in ("RandomFlip", "CutMix", "RandAugment"):
        with pytest.raises(ValueError, match="does not know their format"):
            without(to_tensors(inputs))
    with pytest.raises(ValueError, match="abc"):
        type(layer).from_config({**config, "bounding_box_format": "abc"})


@pytest.mark.parametrize("name", MIXES)
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


BAD_FACTORS = (
    *((0.9, 0.1), "strong", (0.1, 0.2, 0.3), (0.1, np.nan)),
    *(np.nan, np.inf, (-2.0, -1.5), {}),
)


@pytest.mark.parametrize(("name", "argument"), list(factors()))
def test_factors(name, argument):
    bad = BAD_FACTORS
    if "contrast" in f"{name}{argument}".lower() or name.startswith("RandomZoom"):
        # How much to lower and to raise; how far to zoom, in either order.
        set_argument(name, argument, bad[0])
        bad = bad[1:]
    check_refused(name, argument, bad)


def set_argument(name, argument, value):
    layer = make(name)
    type(layer).from_config({**layer.get_config(), argument: value})


def check_refused(name, argument, values):
    for value in values:
        with pytest.raises(ValueError, match=argument):
            set_argument(name, argument, value)


def arguments(is_wanted):
    """Every argument whose value is of a kind, with the layer that has it."""
    for name, case in CASES.items():
        config = case.make().get_config()
        for argument in inspect.signature(getattr(P, name.split()[0])).parameters:
            if is_wanted(argument, config.get(argument)):
                yield name, argument


def is_number(argument, value):
    is_flag = isinstance(value, bool) or argument == "seed" or "factor" in argument
    return isinstance(value, numbers.Real) and not is_flag


def is_size(argument, value):
    return argument in ("height", "width", "target_size", "crop_size")


@pytest.mark.parametrize(("name", "argument"), list(arguments(is_number)))
def test_numbers(name, argument):
    check_refused(name, argument, ["abc", None, np.nan, {}, [None, 1]])


@pytest.mark.parametrize(("name", "argument"), list(arguments(is_size)))
def test_sizes(name, argument):
    check_refused(name, argument, [0, -3, 1.5, "abc", np.nan, (0, 5), (5, -1), ()])


@pytest.mark.parametrize(
    ("name", "argument"), list(arguments(lambda name, value: name == "value_range"))
)
def test_value_ranges(name, argument):
    bad = [(255, 0), (1, 1), 255, (0, np.inf), "abc", None]
    check_refused(name, argument, bad)


@pytest.mark.parametrize("name", OF_EACH_KIND)
@pytest.mark.parametrize(
    "index",
    [np.arange(3), np.arange(5), np.zeros((4, 1), int), 1.5, np.ones(4), "a", True],
)
def test_indices(name, index):
    with pytest.raises(ValueError, match="`index`"):
        make(name)(IMAGES, index=index)


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_indices_of_tensors(name):
    with pytest.raises(ValueError, match="Expected no `index`"):
        make(name)(keras.ops.convert_to_tensor(IMAGES), index=3)


@pytest.mark.parametrize("name", OF_EACH_KIND)
def test_indices_in_a_list(name):
    found, expected = (
        make(name)(IMAGES, index=index) for index in ([4, 5, 6, 7], np.arange(4, 8))
    )
    np.testing.assert_array_equal(found, expected)


def test_too_many_things_are_named():
    with pytest.raises(ValueError, match="'labels', 'picture'"):
        P.RandomFlip()({"picture": IMAGES, "labels": SAMPLE["labels"]})


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", ["RandomFlip", "MixUp", "Mosaic", "RandomBrightness"])
def test_boxes_that_are_no_numbers_become_padding(name, number):
    boxes = ROWS["boxes"].copy()
    boxes[0, 0, 1] = number
    inputs = {
        "images": IMAGES,
        "labels": SAMPLE["labels"],
        "bounding_boxes": {**ROWS, "boxes": boxes},
    }
    padding = {
        key: np.concatenate([-np.ones_like(value[:1, :1]), value[:1, 1:]], axis=1)
        for key, value in ROWS.items()
    }
    expected = {
        **inputs,
        "bounding_boxes": {
            key: np.concatenate([padding[key], value[1:]])
            for key, value in ROWS.items()
        },
    }
    layer = make(name)
    expected, parameters = layer(expected, return_parameters=True)
    for given in (inputs, to_tensors(inputs)):
        found = to_numpy(layer(given, parameters=parameters))["bounding_boxes"]
        for key, values in expected["bounding_boxes"].items():
            # Pixels, by matrices of float32 that engines multiply in another order.
            np.testing.assert_allclose(found[key], values, rtol=1e-4, atol=1e-3)
