"""Which masks of a grid of points stay, of objects that are known."""

import numpy as np
import pytest

from keras_cv.models import SegmentAnything
from keras_cv.models.segment_anything.image_crops import crop_boxes, point_grid
from keras_cv.models.segment_anything.mask_generation import MaskGenerator, View
from keras_cv.models.segment_anything.packed_mask import PackedMask, clean_regions

SIZE = (200, 240)


def generator(**options):
    return MaskGenerator(**{**SegmentAnything.generate_masks.__kwdefaults__, **options})


def rectangle(left, top, right, bottom):
    mask = np.full(SIZE, -9.0, "float32")
    mask[top:bottom, left:right] = 9
    return mask


def seer(*objects, asked=None):
    """Returns a function that sees objects, each logits and a score, where they are.

    A point gets all that it lies on. The score falls a bit where one looks closer.
    """

    def look(box):
        left, top, right, bottom = box
        parts = [logits[top:bottom, left:right] for logits, _ in objects]
        closer = 0.01 if (right, bottom) != SIZE[::-1] or left or top else 0

        def decode(points):
            x, y = points.astype(int).T
            hit = np.stack([part[y, x] > 0 for part in parts], axis=1)
            scores = np.where(hit, [score - closer for _, score in objects], 0)
            numbers = np.arange(len(objects), dtype="float32")[:, None, None]
            return np.broadcast_to(numbers, (len(x), len(objects), 1, 1)), scores

        def enlarge(number):
            if asked is not None:
                asked.append(number)
            return parts[int(number[0, 0])]

        return View(decode, enlarge)

    return look


def test_what_is_found():
    boxes = [(10, 20, 90, 100), (100, 120, 240, 200), (12, 20, 90, 104)]
    found = generator(points_per_side=12).generate(
        SIZE,
        seer(
            (rectangle(*boxes[0]), 0.9),
            (rectangle(*boxes[1]), 0.95),
            (rectangle(*boxes[2]), 0.89),  # almost the first
            (rectangle(0, 0, 240, 200), 0.88),  # no higher than the threshold
            (np.where(rectangle(0, 110, 90, 150) > 0, 0.5, -9), 0.99),  # not stable
        ),
    )
    np.testing.assert_array_equal(found["boxes"], [boxes[1], boxes[0]])
    np.testing.assert_allclose(found["scores"], [0.95, 0.9])
    np.testing.assert_array_equal(found["areas"], [140 * 80, 80 * 80])
    np.testing.assert_array_equal(found["stability_scores"], 1)
    for mask, (x, y), box in zip(
        found["masks"], found["points"], found["boxes"], strict=True
    ):
        np.testing.assert_array_equal(mask, rectangle(*box.astype(int)) > 0)
        assert mask[int(y), int(x)]


def test_crops():
    """A mask of a crop replaces the image's, but not where an object was cut."""
    small, large = (30, 30, 60, 50), (20, 60, 220, 180)
    look = seer((rectangle(*small), 0.95), (rectangle(*large), 0.95))
    found = generator(points_per_side=8, crop_n_layers=1).generate(SIZE, look)
    np.testing.assert_array_equal(found["boxes"], [large, small])
    np.testing.assert_allclose(found["scores"], [0.95, 0.94])


def test_only_good_masks_are_enlarged():
    """One by one: all of them in the image's size would fill the memory."""
    asked = []
    look = seer(
        (rectangle(0, 0, 120, 200), 0.95), (rectangle(0, 0, 240, 200), 0.5), asked=asked
    )
    generator(points_per_side=4, points_per_batch=5).generate(SIZE, look)
    assert [number.shape for number in asked] == [(1, 1)] * 8


def test_small_regions():
    holed = rectangle(40, 40, 140, 140)
    holed[60:62, 60:62] = -9  # a hole
    holed[150:151, 100:103] = 9  # an island
    look = seer((holed, 0.95))
    options = {"points_per_side": 10, "min_mask_region_area": 5}
    found = generator(**options).generate(SIZE, look)
    np.testing.assert_array_equal(found["masks"], [rectangle(40, 40, 140, 140) > 0])
    np.testing.assert_array_equal(found["boxes"], [[40, 40, 140, 140]])
    np.testing.assert_array_equal(found["areas"], [100 * 100])
    # Overlaps are looked at again, for masks that are as they were.
    holed[199] = 9  # another box before it is cleaned
    holed[199, 3:] = -9
    look = seer((holed, 0.95), (rectangle(40, 40, 140, 138), 0.9))
    assert len(generator(points_per_side=10).generate(SIZE, look)["masks"]) == 2
    found = generator(**options).generate(SIZE, look)
    np.testing.assert_array_equal(found["boxes"], [[40, 40, 140, 138]])


def test_the_largest_island_stays():
    mask = np.zeros((8, 8), "uint8")
    mask[1, 1:4] = mask[5, 5] = 1
    assert clean_regions(mask, 9)
    assert mask.sum() == 3 and mask[1, 2]
    assert not clean_regions(np.ones((8, 8), "uint8"), 9)


def test_packed_mask():
    pixels = (np.random.default_rng(0).random((7, 11)) < 0.2).astype("uint8")
    pixels[0] = pixels[:, -1] = 0
    packed = PackedMask.pack(pixels, left=3, top=2)
    drawn = np.zeros((20, 20), "bool")
    packed.draw(drawn)
    np.testing.assert_array_equal(drawn[2:9, 3:14], pixels)
    assert drawn.sum() == packed.area == pixels.sum()
    rows, columns = np.nonzero(drawn)
    assert packed.box == (
        *(columns.min(), rows.min()),
        *(columns.max() + 1, rows.max() + 1),
    )
    assert not PackedMask.pack(np.zeros((3, 3), "uint8")).area


def test_nothing_is_found():
    found = generator(points_per_side=2).generate(
        SIZE, seer((rectangle(0, 0, 0, 0), 1))
    )
    assert {key: value.shape for key, value in found.items()} == {
        "masks": (0, *SIZE),
        "scores": (0,),
        "stability_scores": (0,),
        "boxes": (0, 4),
        "areas": (0,),
        "points": (0, 2),
    }


def test_points_and_crops():
    np.testing.assert_allclose(
        point_grid(2), [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    )
    crops = crop_boxes((100, 200), 2, 0.3)
    assert [layer for layer, _ in crops] == [0] + 4 * [1] + 16 * [2]
    # An overlap of 30 and of 15 pixels.
    assert crops[1][1] == (0, 0, 115, 65) and crops[4][1] == (85, 35, 200, 100)
    assert crops[5][1] == (0, 0, 62, 37)
    for size in ((1, 1), (3, 5), (17, 2)):  # fewer pixels than crops
        for _, (left, top, right, bottom) in crop_boxes(size, 3, 0.34):
            assert 0 <= left < right <= size[1] and 0 <= top < bottom <= size[0]


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("points_per_side", 0),
        ("points_per_side", None),
        ("points_per_batch", 2.5),
        ("pred_iou_thresh", "high"),
        ("stability_score_thresh", 1.2),
        ("stability_score_offset", 0),
        ("box_nms_thresh", -0.1),
        ("crop_n_layers", -1),
        ("crop_n_layers", 9),
        ("crop_nms_thresh", 7),
        ("crop_overlap_ratio", 2),
        ("crop_n_points_downscale_factor", 0.5),
        ("min_mask_region_area", -1),
    ],
)
def test_bad_options(option, value):
    with pytest.raises(ValueError, match=f"`{option}`.*received"):
        generator(**{option: value})
