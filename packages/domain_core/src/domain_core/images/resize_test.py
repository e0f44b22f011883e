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
)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize(
    ("length", "resized"),
    [(40, 17), (40, 40), (40, 8), (8, 28), (7, 30), (1, 5), (64, 1), (427, 100)],
)
def test_weights_are_pillows(interpolation, length, resized):
    pixels = np.random.default_rng(0).normal(size=(1, length)).astype("float32")
    image = Image.fromarray(pixels).resize((resized, 1), INTERPOLATIONS[interpolation])
    expected = np.asarray(image)
    first, stop, weights = filter_matrix(length, resized, 0, resized, interpolation)
    np.testing.assert_allclose(pixels[:, first:stop] @ weights.T, expected, atol=2e-6)
    start, size = resized // 3, (resized + 2) // 3
    first, stop, weights = filter_matrix(length, resized, start, size, interpolation)
    given = pixels[:, first:stop] @ weights.T
    np.testing.assert_allclose(given, expected[:, start : start + size], atol=2e-6)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("kind", ["RGB", "L", "uint8", "float32"])
def test_resizes_as_pillow_and_crops(interpolation, kind):
    photo = Image.fromarray(np.rot90(load_sample_images().images[1]))  # 427 x 640
    resized = photo.resize((256, 383), INTERPOLATIONS[interpolation])
    window = center_cropped((383, 256), (224, 200))
    expected = np.asarray(resized.crop((28, 79, 228, 303))).astype("float32")
    if kind == "L":
        photo = photo.getchannel(1)
        expected = expected[..., 1:2]
    image = np.asarray(photo).astype(kind) if "t" in kind else photo
    given = resize_on_host(image, window, interpolation)
    assert given.dtype == (np.float32 if kind == "float32" else np.uint8)
    if kind == "float32":  # not rounded, nor clipped between the passes
        assert np.abs(given.clip(0, 255) - expected).mean() < 0.5
    else:
        np.testing.assert_array_equal(given, expected)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_a_thread_needs_no_memory(interpolation):
    image = np.random.default_rng(0).integers(0, 256, (3, 300_000, 3), "uint8")
    window = center_cropped(covering((3, 300_000), (96, 96)), (96, 96))
    assert window.resized == (96, 9_600_000)
    given = resize_on_host(image, window, interpolation)
    part = image[:, 150_000 - 16 : 150_000 + 16]
    expected = Image.fromarray(part).resize((1024, 96), INTERPOLATIONS[interpolation])
    expected = np.asarray(expected)[:, 464:560]
    assert np.abs(given.astype("int32") - expected).max() <= 9  # the passes' order


@pytest.mark.parametrize("kind", ["uint8", "float32"])
@pytest.mark.parametrize(("size", "window"), [((21, 37), (12, 16)), ((9, 8), (20, 25))])
def test_without_antialiasing_as_opencv_and_tensorflow(kind, size, window):
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(kind)
    # Two straight lines between each four neighbours, by hand.
    y, x = (
        np.clip((np.arange(n) + 0.5) * length / n - 0.5, 0, length - 1)
        for n, length in zip(window, size, strict=True)
    )
    rows = np.stack(
        [
            np.interp(y, np.arange(size[0]), c)
            for c in image.reshape(size[0], -1).T.astype("float64")
        ],
        -1,
    ).reshape(len(y), size[1], 3)
    expected = np.stack(
        [
            [np.interp(x, np.arange(size[1]), rows[i, :, c]) for i in range(len(y))]
            for c in range(3)
        ],
        -1,
    )
    for crop in (window, (2, 3)):  # the second takes another way
        part = center_cropped(window, crop)
        top, left = part.start
        wanted = expected[top : top + crop[0], left : left + crop[1]]
        given = resize_on_host(image, part, "bilinear", antialias=False)
        assert given.dtype == kind
        # OpenCV's weights of uint8 have 11 bits.
        tolerance = 1.0 if kind == "uint8" else 2e-4
        np.testing.assert_allclose(given.astype("float32"), wanted, atol=tolerance)
        on_tensors = resize_tensors(
            image[None].astype("float32"), part, "bilinear", False
        )
        on_tensors = keras.ops.convert_to_numpy(on_tensors)[0]
        np.testing.assert_allclose(on_tensors, wanted, atol=2e-4)


def test_opacity_is_a_channel_like_any():
    image = np.zeros((4, 4, 4), "uint8")
    image[..., 0] = 200
    window = center_cropped((2, 2), (2, 2))
    for rgba in (image, Image.fromarray(image)):
        given = resize_on_host(rgba, window, "bilinear")
        assert (given[..., 0] == 200).all()


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
    assert window == Window((4, 8), (0, 0), (4, 8), (2, 0))
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
    windows = [center_cropped((50, 74), (40, 44))]
    if interpolation == "bicubic":
        windows += [
            center_cropped((300, 20), (300, 20)),
            padded((143, 214), (32, 40), centered=True),
            center_cropped((143, 214), (100, 101)),
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
