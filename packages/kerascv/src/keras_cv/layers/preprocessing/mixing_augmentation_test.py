"""MixUp, CutMix, FourierMix and Mosaic, against the sums of their papers."""

import numpy as np
import pytest

from keras_cv.layers.preprocessing import CutMix, FourierMix, MixUp, Mosaic
from keras_cv.layers.preprocessing.cases_test import BOXES, sample

INPUTS = sample()
IMAGES = INPUTS["images"]
HEIGHT, WIDTH = IMAGES.shape[1:3]
# Images of one value each tell where every pixel comes from.
FLAT = np.repeat(np.arange(4, dtype="uint8") * 50, HEIGHT * WIDTH * 3)
FLAT = FLAT.reshape(4, HEIGHT, WIDTH, 3)
LABELS = np.eye(4, dtype="float32")
ONE_HOT_MASKS = np.eye(4, dtype="float32")[INPUTS["segmentation_masks"][..., 0]]


def sources(images):
    """Returns the share of each source in each image of flat ones, `(4, 4)`."""
    return np.stack(
        [(images[..., 0] == value).mean((1, 2)) for value in (0, 50, 100, 150)], 1
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("kind", [CutMix, FourierMix, Mosaic])
def test_defect_11_labels_are_weighted_by_what_is_seen(kind, seed):
    outputs = kind(seed=seed)({"images": FLAT, "labels": LABELS})
    np.testing.assert_allclose(outputs["labels"], sources(outputs["images"]), atol=1e-5)


def test_mix_up_blends_images_labels_and_masks():
    inputs = {
        "images": IMAGES.astype("float32"),
        "labels": LABELS,
        "segmentation_masks": ONE_HOT_MASKS,
    }
    outputs, drawn = MixUp(1.0, seed=1)(inputs, return_parameters=True)
    other, share = drawn["other"], drawn["share"]
    assert sorted(other) == [0, 1, 2, 3]
    for key, values in inputs.items():
        part = share.reshape(-1, *[1] * (values.ndim - 1))
        expected = part * values + (1 - part) * values[other]
        np.testing.assert_allclose(outputs[key], expected, rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_are_of_the_beta_distribution(alpha):
    images = np.zeros((4000, 1, 1, 3), "uint8")
    share = MixUp(alpha, seed=0)(images, return_parameters=True)[1]["share"]
    assert abs(share.mean() - 0.5) < 0.02
    assert abs(share.var() - 1 / (4 * (2 * alpha + 1))) < 0.01


def test_boxes_and_keypoints_of_both_images_are_kept():
    inputs = {k: v for k, v in INPUTS.items() if k != "segmentation_masks"}
    for layer in (MixUp(seed=1), FourierMix(seed=1)):
        outputs, drawn = layer(inputs, return_parameters=True)
        other = drawn["other"]
        for key, values in INPUTS["bounding_boxes"].items():
            expected = np.concatenate([values, values[other]], axis=1)
            np.testing.assert_array_equal(outputs["bounding_boxes"][key], expected)
        points = INPUTS["keypoints"]
        expected = np.concatenate([points, points[other]], axis=1)
        np.testing.assert_array_equal(outputs["keypoints"], expected)


@pytest.mark.parametrize("seed", range(4))
def test_defect_11_boxes_of_what_was_pasted(seed):
    """Boxes under the patch go, those in it are cut to it."""
    inputs = {"images": FLAT, "bounding_boxes": INPUTS["bounding_boxes"]}
    outputs, drawn = CutMix(1.0, seed=seed, **BOXES)(inputs, return_parameters=True)
    boxes, classes = (INPUTS["bounding_boxes"][k] for k in ("boxes", "classes"))
    count = boxes.shape[1]
    found = outputs["bounding_boxes"]
    for i, (left, top, right, bottom) in enumerate(drawn["rectangle"]):
        other = drawn["other"][i]
        for j in range(count):
            cut = np.array(
                [
                    *np.maximum(boxes[other, j, :2], (left, top)),
                    *np.minimum(boxes[other, j, 2:], (right, bottom)),
                ]
            )
            is_seen = (cut[2:] > cut[:2]).all() and classes[other, j] >= 0
            expected = cut if is_seen else np.full(4, -1.0)
            np.testing.assert_allclose(
                found["boxes"][i, count + j], expected, atol=1e-5
            )
            assert (found["classes"][i, count + j] >= 0) == is_seen
            mine = boxes[i, j]
            is_covered = (mine[:2] >= (left, top)).all() and (
                mine[2:] <= (right, bottom)
            ).all()
            if classes[i, j] < 0 or is_covered:
                assert found["classes"][i, j] == -1


def test_defect_11_keypoints_that_are_covered_are_padding():
    inputs = {"images": FLAT, "keypoints": INPUTS["keypoints"]}
    outputs, drawn = CutMix(1.0, seed=1)(inputs, return_parameters=True)
    points, count = INPUTS["keypoints"], INPUTS["keypoints"].shape[1]
    left, top, right, bottom = np.split(drawn["rectangle"][:, None], 4, axis=-1)

    def inside(points):
        x, y = points[..., :1], points[..., 1:]
        return ((x >= left) & (x < right) & (y >= top) & (y < bottom))[..., 0]

    other = points[drawn["other"]]
    is_kept = np.concatenate([~inside(points), inside(other)], axis=1)
    expected = np.concatenate([points, other], axis=1)
    expected = np.where(is_kept[..., None], expected, -1)
    np.testing.assert_array_equal(outputs["keypoints"], expected)
    assert count * 2 == outputs["keypoints"].shape[1]


def test_fourier_mix_has_few_large_patches():
    """Low frequencies prevail: neighbours are mostly of the same image."""
    images = np.zeros((64, 32, 32, 1), "uint8")
    images[32:] = 255
    mixed = FourierMix(1.0, seed=0)(images)[..., 0].astype(int)
    edges = (np.diff(mixed, axis=1) != 0).mean()
    assert 0 < edges < 0.15  # noise has 0.5 of shares that are half


@pytest.mark.parametrize("offset", [(0.25, 0.75), (0.5, 0.5)])
def test_mosaic_puts_four_images_around_a_point(offset):
    outputs, drawn = Mosaic(offset, seed=2)(
        {"images": FLAT, "labels": LABELS}, return_parameters=True
    )
    for i, (y, x) in enumerate(drawn["center"].astype(int)):
        assert offset[0] * HEIGHT - 1 <= y <= offset[1] * HEIGHT + 1
        assert offset[0] * WIDTH - 1 <= x <= offset[1] * WIDTH + 1
        image, source = outputs["images"][i, ..., 0], drawn["sources"][i] * 50
        assert source[0] == i * 50
        assert (image[:y, :x] == source[0]).all()
        assert (image[:y, x:] == source[1]).all()
        assert (image[y:, :x] == source[2]).all()
        assert (image[y:, x:] == source[3]).all()


def test_mosaic_moves_boxes_with_their_images():
    """Each box, filled, is where the box of its mask is."""
    images = np.zeros((4, 40, 60, 1), "uint8")
    boxes = np.array([[[5, 6, 30, 20]], [[20, 10, 50, 35]], [[0, 0, 60, 40]],
                      [[33, 21, 58, 39]]], "float32")  # fmt: skip
    for i, (left, top, right, bottom) in enumerate(boxes[:, 0].astype(int)):
        images[i, top:bottom, left:right] = i + 1
    inputs = {
        "images": images,
        "bounding_boxes": {"boxes": boxes, "classes": np.arange(4.0)[:, None]},
    }
    outputs, drawn = Mosaic(seed=5, **BOXES)(inputs, return_parameters=True)
    for i in range(4):
        y, x = drawn["center"][i].astype(int)
        quarters = [(0, 0, y, x), (0, x, y, 60), (y, 0, 40, x), (y, x, 40, 60)]
        for j, (top, left, bottom, right) in enumerate(quarters):
            value = drawn["sources"][i, j] + 1
            part = outputs["images"][i, top:bottom, left:right, 0] == value
            box = outputs["bounding_boxes"]["boxes"][i, j]
            if not part.any():
                assert (box == -1).all()
                continue
            rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
            expected = [
                left + columns[0],
                top + rows[0],
                left + columns[-1] + 1,
                top + rows[-1] + 1,
            ]
            np.testing.assert_allclose(box, expected, atol=1e-5)
            assert outputs["bounding_boxes"]["classes"][i, j] == value - 1


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: MixUp(0), "alpha"),
        (lambda: CutMix(-1), "alpha"),
        (lambda: FourierMix(True), "alpha"),
        (lambda: FourierMix(decay_power=0), "decay_power"),
        (lambda: Mosaic((0.75, 0.25)), "offset"),
        (lambda: Mosaic(bounding_box_format="abc"), "abc"),
    ],
)
def test_arguments_are_checked(make, name):
    with pytest.raises(ValueError, match=name):
        make()
