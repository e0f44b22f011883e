"""Which way things go, and upstream's boxes."""

import numpy as np
import pytest

from keras_cv.core import ConstantFactorSampler
from keras_cv.layers.preprocessing import RandomShear
from keras_cv.layers.preprocessing.cases_test import BOXES, sample

WIDE = (20, 60)


def shear(x=None, y=None, **options):
    factors = [None if f is None else ConstantFactorSampler(f) for f in (x, y)]
    return RandomShear(*factors, fill_mode="constant", **options)


def inputs_with_a_box():
    return {
        "images": np.zeros((16, *WIDE, 3), "uint8"),
        "bounding_boxes": {
            "boxes": np.full((16, 1, 4), [20.5, 4.5, 30.5, 10.5], "float32"),
            "classes": np.zeros((16, 1), "float32"),
        },
    }


@pytest.mark.parametrize(
    ("factors", "expected"),
    [
        # 4 and 10 pixels below the first one's centre, half a pixel to the side each.
        ({"x": 0.5}, [[22.5, 4.5, 35.5, 10.5], [15.5, 4.5, 28.5, 10.5]]),
        ({"y": 0.1}, [[20.5, 6.5, 30.5, 13.5], [20.5, 1.5, 30.5, 8.5]]),
    ],
)
def test_defect_7_boxes_of_wide_images(factors, expected):
    """Upstream moved boxes as if images were square (defect 7)."""
    outputs = shear(**factors, seed=1, **BOXES)(inputs_with_a_box())
    found = np.unique(outputs["bounding_boxes"]["boxes"][:, 0].round(3), axis=0)
    np.testing.assert_allclose(found, sorted(expected), atol=1e-3)


def test_rows_move_by_their_distance_from_the_first():
    images = np.zeros((32, 9, 40, 1), "uint8")
    images[:, :, 20] = 255
    outputs = shear(1.0, seed=2)(images)
    slants = set()
    for image in outputs[..., 0]:
        rows, columns = np.nonzero(image == 255)
        np.testing.assert_array_equal(rows, np.arange(9))
        slants.add(tuple(columns - 20))
    assert slants == {tuple(range(9)), tuple(range(0, -9, -1))}


def test_without_factors_it_warns_and_changes_nothing():
    with pytest.warns(UserWarning, match="changes nothing"):
        layer = RandomShear()
    images = sample()["images"]
    np.testing.assert_array_equal(layer(images), images)


def test_negative_factors_are_refused():
    with pytest.raises(ValueError, match="x_factor"):
        RandomShear((-0.3, 0.3))
