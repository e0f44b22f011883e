"""JPEG, against Pillow's."""

import io

import numpy as np
import pytest
from PIL import Image

from keras_cv.core import ConstantFactorSampler as Constant
from keras_cv.layers.preprocessing import RandomJpegQuality
from keras_cv.layers.preprocessing.cases_test import sample


def by_pillow(image, quality):
    buffer = io.BytesIO()
    Image.fromarray(image.squeeze()).save(buffer, "JPEG", quality=quality)
    return np.asarray(Image.open(buffer)).reshape(image.shape)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("quality", [5, 50, 95])
def test_pillow_does_the_same(quality, channels):
    images = sample(channels=channels)["images"]
    found = RandomJpegQuality(Constant(quality))(images)
    for image, result in zip(images, found, strict=True):
        difference = np.abs(result.astype(int) - by_pillow(image, quality))
        assert difference.mean() < 0.5


def test_better_quality_is_closer():
    images = np.stack([sample()["images"][0]] * 12)
    found, drawn = RandomJpegQuality((0, 100), seed=1)(images, return_parameters=True)
    errors = np.abs(found.astype(int) - images).mean(axis=(1, 2, 3))
    order = np.argsort(drawn["quality"])
    assert np.corrcoef(np.arange(12), errors[order])[0, 1] < -0.7
    assert drawn["quality"].min() < 30
    assert drawn["quality"].max() > 70


def test_values_outside_of_the_range_are_clipped():
    images = np.array([-50.0, 300.0], "float32").repeat(128).reshape(1, 16, 16, 1)
    found = RandomJpegQuality((95, 95))(images)
    np.testing.assert_allclose(found, np.clip(images, 0, 255), atol=3)


@pytest.mark.backends("jax")
def test_compiled_functions_are_refused_with_advice():
    import jax

    images = np.zeros((1, 8, 8, 3), "float32")
    with pytest.raises(ValueError, match=r"nor inside a model.*`tf.data`"):
        jax.jit(RandomJpegQuality((10, 20)))(images)
