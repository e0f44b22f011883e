"""What is covered, and with what."""

import keras
import numpy as np
import pytest

from keras_cv.core import ConstantFactorSampler as Constant
from keras_cv.layers.preprocessing import GridMask, RandomCutout, RandomErasing
from keras_cv.layers.preprocessing.cases_test import sample

WHITE = np.full((200, 30, 60, 1), 255, "uint8")
NOISY = ("gaussian_noise", "random")
LAYERS = {
    "GridMask": lambda **k: GridMask((0.5, 0.6), seed=1, **k),
    "RandomCutout": lambda **k: RandomCutout(0.6, 0.6, seed=1, **k),
    "RandomErasing": lambda **k: RandomErasing(1.0, (0.2, 0.5), seed=1, **k),
}


def extent_of(mask):
    """Returns first and last row and column that are True, of each image."""
    rows, columns = mask.any(axis=2), mask.any(axis=1)
    ends = []
    for line in (rows, columns):
        length = line.shape[1]
        ends += [line.argmax(1), length - line[:, ::-1].argmax(1)]
    return np.stack(ends, axis=1)


def test_cutout_covers_a_rectangle_around_any_pixel():
    layer = RandomCutout(Constant(0.2), Constant(0.5), seed=1)
    found, drawn = layer(WHITE, return_parameters=True)
    covered = found[..., 0] == 0
    top, bottom, left, right = extent_of(covered).T
    np.testing.assert_array_equal(
        np.stack([left, top, right, bottom], axis=1), drawn["rectangle"]
    )
    np.testing.assert_array_equal(
        covered.sum(axis=(1, 2)), (bottom - top) * (right - left)
    )
    whole = (top > 0) & (bottom < 30) & (left > 0) & (right < 60)
    assert whole.any()
    assert set((bottom - top)[whole]) == {6}
    assert set((right - left)[whole]) == {30}
    # Every pixel may be its middle, those of the corners too.
    assert (bottom - top).min() == 3
    assert (right - left).min() <= 18


def test_defect_10_cutout_may_be_wider_than_high():
    """Upstream's was no wider than the image is high."""
    found = RandomCutout(Constant(0.1), Constant(1.0), seed=1)(WHITE)
    widths = (found[..., 0] == 0).any(axis=1).sum(axis=1)
    assert widths.max() > 55


def test_nothing_is_covered_by_a_factor_of_zero():
    np.testing.assert_array_equal(RandomCutout(0.0, 0.5)(WHITE), WHITE)
    np.testing.assert_array_equal(GridMask(Constant(0.0))(WHITE), WHITE)
    np.testing.assert_array_equal(RandomErasing(0.0)(WHITE), WHITE)


@pytest.mark.parametrize("mode", NOISY)
@pytest.mark.parametrize("name", LAYERS)
def test_defect_9_noise(name, mode):
    """Upstream's grid failed, and its cutout was as wide as the images' values."""
    images = np.full((20, 90, 80, 3), -9, "float32")
    found = LAYERS[name](fill_mode=mode, value_range=(-1, 1))(images)
    noise = found[found != -9]
    assert noise.size > 1000
    assert noise.min() < -0.95
    assert noise.max() > 0.95
    assert np.abs(noise).max() <= 1
    assert abs(noise.mean()) < 0.02
    deviation = 12**-0.5 * 2 if mode == "random" else 1 / 3
    assert abs(noise.std() - deviation) < 0.01
    channels = found[(found != -9).all(axis=-1)]
    assert abs(np.corrcoef(channels.T)[0, 1]) < 0.05


@pytest.mark.parametrize("mode", NOISY)
@pytest.mark.parametrize("name", LAYERS)
def test_engines_repeat_noise_alike(name, mode):
    images = sample("uint8", size=(70, 90))["images"]
    layer = LAYERS[name](fill_mode=mode)
    found, parameters = layer(images, return_parameters=True)
    tensors = layer(keras.ops.convert_to_tensor(images), parameters=parameters)
    assert np.abs(found.astype(int) - keras.ops.convert_to_numpy(tensors)).max() <= 1


@pytest.mark.parametrize("angle", [0.0, 0.25])
def test_squares_of_a_grid(angle):
    parameters = {
        "ratio": np.array([0.4], "float32"),
        "angle": np.array([angle * 2 * np.pi], "float32"),
        "step": np.array([10.0], "float32"),
        "start": np.array([[0.21, 0.62]], "float32"),
    }
    found = GridMask()(WHITE[:1, :, :30], parameters=parameters)[0, ..., 0] == 0
    # Begins 15 - 2.1 and 15 - 6.2 pixels from the edge, less a whole step.
    lines = [[(x + 0.5 - first) % 10 < 4 for x in range(30)] for first in (2.9, 8.8)]
    expected = np.outer(lines[1], lines[0])
    np.testing.assert_array_equal(found, np.rot90(expected, -4 * angle))


def test_a_grid_covers_the_square_of_its_ratio():
    layer = GridMask(Constant(0.5), seed=1)
    found, drawn = layer(
        np.full((100, 60, 60, 1), 255, "uint8"), return_parameters=True
    )
    assert abs((found == 0).mean() - 0.25) < 0.02
    assert 18 <= drawn["step"].min() < 18.5
    assert 30.5 < drawn["step"].max() <= 31
    assert np.abs(drawn["angle"]).max() <= 0.15 * 2 * np.pi
    assert drawn["angle"].min() < 0 < drawn["angle"].max()


def test_erasing_stays_inside_and_keeps_area_and_ratio():
    layer = RandomErasing(1.0, (0.05, 0.2), aspect_ratio_factor=(0.5, 2.0), seed=1)
    found, drawn = layer(
        np.full((200, 60, 80, 1), 255, "float32"), return_parameters=True
    )
    left, top, right, bottom = drawn["rectangle"].T
    height, width = bottom - top, right - left
    area, ratio = height * width / (60 * 80), height / width
    assert area.min() > 0.045
    assert area.max() < 0.21
    assert ratio.min() > 0.45
    assert ratio.max() < 2.2
    assert (top >= 0).all()
    assert (bottom <= 60).all()
    assert top.min() == 0
    assert bottom.max() == 60
    covered = (found[..., 0] != 255).sum(axis=(1, 2))
    np.testing.assert_array_equal(covered, height * width)


def test_erasing_of_more_than_fits():
    layer = RandomErasing(1.0, (1.0, 1.0), aspect_ratio_factor=(9, 9), seed=1)
    found = layer(WHITE[:4], parameters=None)
    assert (found != 255).any(axis=2).all()


def test_erasing_happens_as_often_as_told():
    found = RandomErasing(0.25, seed=1)(WHITE)
    changed = (found != WHITE).any(axis=(1, 2, 3)).mean()
    assert 0.15 < changed < 0.35


@pytest.mark.parametrize("name", LAYERS)
def test_what_is_said_about_images_stays(name):
    inputs = sample()
    outputs = LAYERS[name]()(inputs)
    assert (outputs["images"] != inputs["images"]).any()
    for key in set(inputs) - {"images"}:
        for a, b in zip(
            *(keras.tree.flatten(x[key]) for x in (inputs, outputs)), strict=True
        ):
            np.testing.assert_array_equal(a, b)
