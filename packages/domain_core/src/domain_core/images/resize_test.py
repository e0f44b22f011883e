import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_images

from domain_core.images.resize import (
    INTERPOLATIONS,
    Window,
    center_cropped,
    covering,
    filter_matrix,
    padded,
    resize_on_host,
    resize_tensors,
    stretched,
)

SMOOTH = sorted(set(INTERPOLATIONS) - {"nearest"})


@pytest.mark.parametrize("interpolation", SMOOTH)
@pytest.mark.parametrize(
    ("length", "start", "stop", "size"),
    [
        (40, 0, 40, 17),
        (40, 0, 40, 40),
        (40, 0, 40, 8),  # pixels on the borders of boxes
        (40, 3.25, 31.5, 13),
        (7, 0, 7, 30),
        (1, 0, 1, 5),
        (50, 20, 21, 1),
        (64, 0, 64, 1),
    ],
)
def test_weights_are_pillows(interpolation, length, start, stop, size):
    rows = np.random.default_rng(0).normal(size=(1, length)).astype("float32")
    image = Image.fromarray(rows)
    box = (start, 0, stop, 1)
    expected = np.asarray(image.resize((size, 1), INTERPOLATIONS[interpolation], box))
    first, last, weights = filter_matrix(length, start, stop, size, interpolation)
    np.testing.assert_allclose(rows[:, first:last] @ weights.T, expected, atol=2e-6)


def test_takes_the_nearest():
    image = np.arange(20, dtype="uint8").reshape(4, 5, 1)
    resized = resize_on_host(image, stretched((4, 5), (2, 10)), "nearest")
    expected = np.asarray(Image.fromarray(image[..., 0]).resize((10, 2), 0))
    np.testing.assert_array_equal(resized[..., 0], expected)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("resized", [(224, 335), (600, 899), (97, 145)])
def test_a_box_equals_resizing_then_cropping(interpolation, resized):
    photo = Image.fromarray(load_sample_images().images[0])
    source, target = (photo.height, photo.width), (90, 90)
    top, left = ((whole - 90) // 2 for whole in resized)
    box = (left, top, left + 90, top + 90)
    whole = resize_on_host(photo, stretched(source, resized), interpolation)
    expected = np.asarray(Image.fromarray(whole).crop(box)).astype("int32")
    window = center_cropped(source, resized, target)
    given = resize_on_host(photo, window, interpolation)
    difference = np.abs(given - expected)
    if interpolation == "nearest":
        # Where a pixel's centre falls on a border, rounding decides.
        assert (difference > 0).mean() < 0.02
    else:
        # Pillow keeps boxes in float32, and rounds to uint8.
        assert difference.max() <= 1
        assert (difference > 0).mean() < 0.002


def test_covers_as_hugging_face_rounds():
    assert covering((427, 640), (256, 256)) == (256, 383)  # 383.7
    assert covering((640, 427), (256, 256)) == (383, 256)
    assert covering((100, 100), (30, 60)) == (60, 60)
    assert covering((100, 400), (30, 60)) == (30, 120)
    for height in range(1, 40):
        for width in range(1, 40):
            h, w = covering((height, width), (7, 11))
            assert min(h - 7, w - 11) == 0


def test_pads_as_keras_does():
    window = padded((10, 20), (8, 8), centered=True)
    assert window == Window((0, 0, 20, 10), (4, 8), (2, 0))
    assert padded((10, 20), (8, 8), centered=False).offset == (0, 0)
    assert padded((1, 1000), (8, 8), centered=True).size == (1, 8)
    for size in [(10, 20), (30, 7), (5, 5)]:
        image = np.random.default_rng(0).uniform(0, 255, (*size, 3)).astype("float32")
        given = np.zeros((8, 8, 3), "float32")
        window = padded(size, (8, 8), centered=True)
        (top, left), (h, w) = window.offset, window.size
        given[top : top + h, left : left + w] = resize_on_host(
            image, window, "bilinear"
        )
        layer = keras.layers.Resizing(8, 8, pad_to_aspect_ratio=True)
        expected = keras.ops.convert_to_numpy(layer(image[None]))[0]
        np.testing.assert_array_equal((given > 0).any((1, 2)), expected.any((1, 2)))


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_tensors_equal_the_host(interpolation):
    image = load_sample_images().images[0][::3, ::3].astype("float32")
    windows = [center_cropped((143, 214), (50, 74), (40, 44))]
    if interpolation == "bicubic":
        windows += [
            stretched((143, 214), (300, 20)),
            padded((143, 214), (32, 40), centered=True),
            stretched((143, 214), (143, 214)),
        ]
    for window in windows:
        expected = resize_on_host(image, window, interpolation)
        given = resize_tensors(
            keras.ops.convert_to_tensor(np.stack([image, image * 0])),
            window,
            interpolation,
        )
        given = keras.ops.convert_to_numpy(given)
        np.testing.assert_allclose(given[0], expected, atol=255 * 1e-5)
        assert not given[1].any()
