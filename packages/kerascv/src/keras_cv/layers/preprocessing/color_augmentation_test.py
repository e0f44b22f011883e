"""What happens to colours, against Pillow, Keras and TensorFlow."""

import keras
import numpy as np
import pytest
from PIL import Image, ImageOps

from keras_cv.core import ConstantFactorSampler as Constant
from keras_cv.layers import preprocessing as P
from keras_cv.layers.preprocessing.cases_test import CASES, sample
from keras_cv.layers.preprocessing.matrix_test import make

NOISE = np.random.default_rng(0).integers(20, 200, (4, 32, 40, 3)).astype("uint8")
RANGED = [name for name in CASES if "value_range" in CASES[name].make().get_config()]


def by_pillow(images, function):
    return np.stack([np.asarray(function(Image.fromarray(x))) for x in images])


@pytest.mark.parametrize(
    ("make", "function", "levels"),
    [
        # Pillow rounds down.
        (lambda: P.AutoContrast(), ImageOps.autocontrast, 1),
        (lambda: P.Equalization(), ImageOps.equalize, 0),
        (lambda: P.Posterization(bits=3), lambda x: ImageOps.posterize(x, 3), 0),
        (lambda: P.Posterization(bits=8), lambda x: x, 0),
        (
            lambda: P.Solarization(threshold_factor=Constant(100)),
            lambda x: ImageOps.solarize(x, 100),
            0,
        ),
    ],
)
@pytest.mark.parametrize("images", [NOISE, sample()["images"]], ids=["noise", "waves"])
def test_pillow_does_the_same(make, function, levels, images):
    found, expected = make()(images), by_pillow(images, function)
    assert np.abs(found.astype(int) - expected).max() <= levels
    assert (expected != images).any() or function(1) == 1


@pytest.mark.parametrize("bins", [128, 256, 1000])
def test_equalization_makes_levels_equally_common(bins):
    rng = np.random.default_rng(0)
    images = rng.uniform(0.1, 0.8, (2, 250, 400, 3)).astype("float32") ** 2
    found = P.Equalization((0, 1), bins)(images)
    shares = np.sort(found.reshape(2, -1, 3), axis=1)[:, ::1000]
    expected = np.linspace(0, 1, shares.shape[1])[None, :, None].repeat(3, 2)
    np.testing.assert_allclose(shares, expected.repeat(2, 0), atol=0.04 + 1 / bins)


def test_values_that_are_no_numbers_are_the_lowest():
    images = NOISE.astype("float32")
    expected = P.Equalization()(np.where(images > 150, 0, images))
    found = P.Equalization()(np.where(images > 150, np.nan, images))
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("layer", [P.AutoContrast, P.Equalization])
def test_flat_channels_stay(layer):
    images = NOISE.copy()
    images[..., 1] = 77
    for dtype in ("uint8", "float32"):
        found = layer()(images.astype(dtype))
        assert (found[..., 1] == 77).all()
        assert (found[..., 0] != images[..., 0]).any()


def test_addition_comes_before_the_threshold():
    images = np.array([10, 90, 101, 200, 250], "uint8").reshape(1, 1, 5, 1)
    layer = P.Solarization((0, 255), Constant(10), Constant(111))
    assert layer(images).ravel().tolist() == [20, 100, 144, 45, 0]


@pytest.mark.parametrize("factor", [-1.0, -0.3, 0.8])
def test_contrast_is_that_of_tensorflow(factor):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    images = sample("float32", value_range=(60, 160))["images"]
    expected = tf.image.adjust_contrast(images, 1 + factor)
    found = P.RandomContrast(factor=Constant(factor))(images)
    np.testing.assert_allclose(found, np.clip(expected, 0, 255), atol=0.01)


def test_a_number_lowers_and_raises_contrast():
    _, drawn = P.RandomContrast(factor=0.4, seed=1)(
        sample(batch=200)["images"], return_parameters=True
    )
    low, high = drawn["factor"].min(), drawn["factor"].max()
    assert 0.6 <= low < 0.63
    assert 1.37 < high <= 1.4


def test_each_channel_is_shifted_by_its_own():
    images = np.full((100, 2, 3, 5), 0.5, "float32")
    found = P.RandomChannelShift((0, 1), 0.4, channels=5, seed=1)(images)
    shifts = found - images
    assert (shifts == shifts[:, :1, :1]).all()
    assert np.unique(shifts).size == 500
    assert -0.2 <= shifts.min() < -0.19
    assert 0.19 < shifts.max() <= 0.2


def test_grey_is_that_of_keras():
    images = sample("float32")["images"]
    expected = keras.ops.convert_to_numpy(keras.ops.image.rgb_to_grayscale(images))
    np.testing.assert_allclose(P.Grayscale()(images), expected, atol=0.05)
    three = P.Grayscale(3)(images)
    np.testing.assert_allclose(three, expected.repeat(3, -1), atol=0.05)
    grey = P.RandomColorDegeneration(Constant(1.0))(images)
    np.testing.assert_allclose(grey, expected.repeat(3, -1), atol=0.05)
    half = P.RandomColorDegeneration(Constant(0.5))(images)
    np.testing.assert_allclose(half, (images + expected) / 2, atol=0.05)


def test_neighbouring_channels_stay_together():
    images = sample(batch=40, channels=6)["images"]
    found, drawn = P.ChannelShuffle(3, seed=1)(images, return_parameters=True)
    for image, shuffled, order in zip(images, found, drawn["order"], strict=True):
        channels = [2 * group + i for group in order for i in (0, 1)]
        np.testing.assert_array_equal(shuffled, image[..., channels])
    assert len(np.unique(drawn["order"], axis=0)) == 6


def test_normalize_and_rescaling():
    mean, std = np.array(P.Normalize().mean), np.array(P.Normalize().std)
    for images in (NOISE, NOISE.astype("float32")):
        expected = ((images - mean) / std).astype("float32")
        found = P.Normalize()(images)
        assert found.dtype == "float32"
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
        scaled = P.Normalize(mean / 255, std / 255, 1 / 255)(images)
        np.testing.assert_allclose(scaled, expected, rtol=1e-5, atol=1e-5)
        found = P.Rescaling(1 / 127.5, -1)(images)
        np.testing.assert_allclose(found, images / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("amount", [0.0, 0.2, 0.5, 1.0])
def test_hue_is_that_of_tensorflow(amount):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    images = sample("float32", batch=8, value_range=(0, 1))["images"]
    layer = P.RandomHue(Constant(amount), (0, 1), seed=1)
    found, drawn = layer(images, return_parameters=True)
    turns = set(np.abs(drawn["hue"]).tolist())
    assert turns == {np.float32(amount / 2)}
    for image, hue, result in zip(images, drawn["hue"], found, strict=True):
        expected = tf.image.adjust_hue(image, float(hue))
        np.testing.assert_allclose(result, expected, atol=1e-4)


@pytest.mark.parametrize("factor", [0.0, 0.2, 0.5, 0.75, 1.0])
def test_saturation_is_that_of_tensorflow(factor):
    tf = pytest.importorskip("tensorflow", reason="TensorFlow has no wheel here")
    images = sample("float32", value_range=(0, 1))["images"]
    scale = factor / max(1 - factor, 1e-6)
    expected = tf.image.adjust_saturation(images, scale)
    found = P.RandomSaturation(Constant(factor), value_range=(0, 1))(images)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_defect_14_the_strongest_saturation_leaves_grey_grey(dtype):
    """Upstream divided by zero, and grey pixels became NaN."""
    images = np.array([[0, 0, 0], [90, 90, 90], [255, 255, 255], [90, 80, 90]], dtype)
    images = images.reshape(1, 2, 2, 3)
    layer = P.RandomSaturation(Constant(1.0))
    for inputs in (images, keras.ops.convert_to_tensor(images)):
        found = keras.ops.convert_to_numpy(layer(inputs)).reshape(-1, 3)
        np.testing.assert_allclose(found[:3], images.reshape(-1, 3)[:3], atol=1e-3)
        np.testing.assert_allclose(found[3], [90, 0, 90], atol=1e-3)


@pytest.mark.parametrize("value_range", [(0, 1), (-1, 1)])
@pytest.mark.parametrize("name", RANGED)
def test_defect_13_any_range_of_values(name, value_range):
    """Upstream clipped some to [0, 255], and had no range for others."""
    low, high = value_range
    config = CASES[name].make().get_config()
    if "seed" in config:
        config["seed"] = 5
    layer = type(CASES[name].make())
    images = sample()["images"].astype("float32")
    expected = layer.from_config(config)(images, index=np.arange(4))
    config["value_range"] = value_range
    if "fill_value" in config:
        config["fill_value"] = config["fill_value"] / 255 * (high - low) + low
    scaled = images / 255 * (high - low) + low
    found = layer.from_config(config)(scaled, index=np.arange(4))
    found = (found - low) * (255 / (high - low))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_defect_19_posterized_images_keep_their_sizes():
    """Upstream returned images of different sizes as large as the largest."""
    images = [NOISE[0], NOISE[1, :20, :30]]
    found = P.Posterization(bits=4)(images)
    for image, result in zip(images, found, strict=True):
        np.testing.assert_array_equal(result, image & 0xF0)


def test_uint8_images_have_one_range():
    with pytest.raises(ValueError, match=r"value_range \(0.0, 1.0\).*uint8"):
        P.RandomContrast((0, 1), 0.5)(NOISE)


@pytest.mark.parametrize(
    "layer",
    [
        P.Grayscale(),
        P.RandomHue(0.5),
        P.RandomSaturation(0.5),
        P.RandomColorDegeneration(0.5),
        P.RandomColorJitter((0, 255), 0.1, 0.1, 0.5, 0.1),
        P.RandomChannelShift(),
        P.Normalize(),
        P.ChannelShuffle(),
        P.RandomJpegQuality((10, 20)),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_channels_are_checked(layer):
    with pytest.raises(ValueError, match="channels?|three"):
        layer(sample(channels=4)["images"])


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: P.AutoContrast((255, 0)), "value_range"),
        (lambda: P.Equalization(bins=1), "bins"),
        (lambda: P.Posterization(bits=9), "bits"),
        (lambda: P.Solarization((0, 255), 300), "addition_factor"),
        (lambda: P.Solarization((0, 255), 0, (200, 100)), "threshold_factor"),
        (lambda: P.RandomBrightness(1.5), "factor"),
        (lambda: P.RandomContrast(factor=-0.5), "factor"),
        (lambda: P.RandomChannelShift(factor=1.5), "factor"),
        (lambda: P.Normalize(std=(1, 0, 1)), "std"),
        (lambda: P.Normalize(scale=0), "scale"),
        (lambda: P.Rescaling(np.nan), "scale"),
        (lambda: P.Grayscale(2), "output_channels"),
        (lambda: P.ChannelShuffle(0), "groups"),
        (lambda: P.RandomColorDegeneration((0.5, 1.5)), "factor"),
        (lambda: P.RandomHue(-0.1), "factor"),
        (lambda: P.RandomSaturation(2), "factor"),
        (lambda: P.RandomColorJitter((0, 255), 2, 0, 0.5, 0), "brightness_factor"),
        (lambda: P.RandomColorJitter((0, 255), 0, -1, 0.5, 0), "contrast_factor"),
        (lambda: P.RandomColorJitter((0, 255), 0, 0, 1.5, 0), "saturation_factor"),
        (lambda: P.RandomColorJitter((0, 255), 0, 0, 0.5, 2), "hue_factor"),
        (lambda: P.RandomGaussianBlur(0, 1.0), "kernel_size"),
        (lambda: P.RandomGaussianBlur((3, 3, 3), 1.0), "kernel_size"),
        (lambda: P.RandomGaussianBlur(3, -1.0), "factor"),
        (lambda: P.RandomGaussianBlur(3, 1.0, fill_mode="wrap"), "fill_mode"),
        (lambda: P.RandomSharpness(1.5), "factor"),
        (lambda: P.RandomJpegQuality(50), "factor"),
        (lambda: P.RandomJpegQuality((50, 101)), "factor"),
        (lambda: P.RandomCutout(1.5, 0.5), "height_factor"),
        (lambda: P.RandomCutout(0.5, (0.5, 0.2)), "width_factor"),
        (lambda: P.RandomCutout(0.5, 0.5, "noise"), "fill_mode"),
        (lambda: P.RandomCutout(0.5, 0.5, fill_value=None), "fill_value"),
        (lambda: P.GridMask(1.5), "ratio_factor"),
        (lambda: P.GridMask(rotation_factor=1.5), "rotation_factor"),
        (lambda: P.RandomErasing(1.5), "rate"),
        (lambda: P.RandomErasing(1.0, 0.5), "area_factor"),
        (lambda: P.RandomErasing(aspect_ratio_factor=(0, 1)), "aspect_ratio_factor"),
    ],
)
def test_arguments_are_checked(make, name):
    with pytest.raises(ValueError, match=f"`{name}`"):
        make()


def test_posterized_floats_lose_bits_as_integers_do():
    """As upstream, which cuts off what is behind the point."""
    bits = P.Posterization((0, 255), 4)
    values = np.array([175.7, 175.0, 176.0, 15.99, 255.0], "float32").reshape(5, 1, 1)
    assert bits(values).ravel().tolist() == [160, 160, 176, 0, 240]
    # Levels that were divided by 255 are still what they were.
    levels = np.arange(256, dtype="uint8").reshape(16, 16, 1)
    found = P.Posterization((0, 1), 4)(levels.astype("float32") / 255)
    np.testing.assert_allclose(found * 255, bits(levels), atol=1e-4)


@pytest.mark.parametrize("name", ["RandomHue", "RandomJpegQuality", "Grayscale"])
def test_channels_that_come_first_are_told_apart(name):
    with pytest.raises(ValueError, match=r"come first: `np.moveaxis\(image, -3, -1\)`"):
        make(name)(np.zeros((2, 3, 32, 40), "uint8"))
    with pytest.raises(ValueError, match=r"\(32, 40, 2\)\.$"):
        make(name)(np.zeros((2, 32, 40, 2), "uint8"))
