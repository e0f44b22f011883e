"""Images and masks of more channels than OpenCV takes: 4, 128 or 512 at a time."""

import numpy as np
import pytest

from keras_cv.layers import preprocessing as P
from keras_cv.layers.preprocessing.cases_test import BOXES, CASES, sample
from keras_cv.layers.preprocessing.matrix_test import make

CHANNELS = 530  # the last two are a part of their own
IMAGES = sample(batch=2, channels=CHANNELS)["images"]
# Of images of any number of channels, each like the others.
EACH_ALIKE = [
    name
    for name in CASES
    if not name.startswith(
        (
            *("Grayscale", "Normalize", "RandomHue", "RandomSaturation", "GridMask n"),
            *("RandomChannelShift", "RandomColor", "RandomJpeg", "ChannelShuffle"),
            *("RandomErasing", "Mosaic", "RandAugment"),
        )
    )
]


@pytest.mark.parametrize("name", [*EACH_ALIKE, "Mosaic"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_each_channel_is_changed_like_the_others(name, dtype):
    images = IMAGES.astype(dtype)
    found = make(name)(images, index=3)
    for start in (0, 127, 510, CHANNELS - 2):
        part = slice(start, min(start + 3, CHANNELS))
        expected = make(name)(np.ascontiguousarray(images[..., part]), index=3)
        for a, b in zip(found, expected, strict=True):
            difference = np.abs(a[..., part].astype("float32") - b)
            assert difference.max() <= (1 if dtype == "uint8" else 0.02)


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float32", "bool"])
@pytest.mark.parametrize("channels", [5, 129, 600])
def test_masks(dtype, channels):
    images = sample(batch=2)["images"]
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 2, (2, 32, 40, channels)).astype(dtype)
    for layer in (
        P.RandomFlip("horizontal_and_vertical", seed=1, **BOXES),
        P.RandomRotation(0.2, seed=1, **BOXES),
        P.RandomCropAndResize((20, 24), (0.3, 1.0), (0.7, 1.4), seed=1, **BOXES),
        P.CutMix(seed=1, **BOXES),
        P.FourierMix(seed=1),
    ):
        for first in range(0, channels, 4):
            part = np.ascontiguousarray(masks[..., first : first + 4])
            found, expected = (
                layer({"images": images, "segmentation_masks": x}, index=2)
                for x in (masks, part)
            )
            whole = found["segmentation_masks"][..., first : first + 4]
            assert whole.dtype == dtype
            np.testing.assert_array_equal(whole, expected["segmentation_masks"])
            if first > 8:
                break


def test_channels_are_shuffled_in_groups():
    images = np.broadcast_to(np.arange(600, dtype="float32"), (2, 4, 5, 600))
    found, parameters = P.ChannelShuffle(3)(images, return_parameters=True)
    for image in found:
        assert sorted(image[0, 0].tolist()) == list(range(600))
    uint8 = (images % 200).astype("uint8")
    shuffled = P.ChannelShuffle(3)(uint8, parameters=parameters)
    np.testing.assert_array_equal(shuffled, found % 200)
