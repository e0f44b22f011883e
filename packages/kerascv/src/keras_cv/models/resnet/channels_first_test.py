"""Models take channels last, whatever Keras is told about other layers."""

import keras
import numpy as np
import pytest

from keras_cv import layers
from keras_cv.models import ImageClassifier, ResNetBackbone, ResNetV2Backbone


@pytest.fixture
def both():
    """Returns a function that gives what another does under both settings."""

    def run(function):
        results = []
        for setting in ("channels_last", "channels_first"):
            keras.config.set_image_data_format(setting)
            keras.utils.set_random_seed(0)
            results.append(function())
        return results

    yield run
    keras.config.set_image_data_format("channels_last")


@pytest.mark.backends
@pytest.mark.parametrize("cls", [ResNetBackbone, ResNetV2Backbone])
def test_classifiers(both, cls):
    images = np.random.default_rng(0).uniform(size=(2, 32, 24, 3)).astype("float32")

    def run():
        backbone = cls(
            stackwise_filters=[4, 8],
            stackwise_blocks=[1, 1],
            stackwise_strides=[1, 2],
            include_rescaling=True,
        )
        return [
            ImageClassifier(backbone, 2, pooling=pooling).predict(images, verbose=0)
            for pooling in ("avg", "max")
        ]

    first, second = both(run)
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_presets(both):
    counts = both(
        lambda: ResNetBackbone.from_preset(
            "resnet18", load_weights=False
        ).count_params()
    )
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    "make",
    [
        lambda: layers.SqueezeAndExcite2D(8),
        lambda: layers.SpatialPyramidPooling([2, 3], num_channels=5),
        lambda: layers.DropBlock2D(0.5, 3, seed=1),
        lambda: layers.DropPath(0.5, seed=1),
    ],
)
def test_layers(both, make):
    x = np.random.default_rng(0).uniform(size=(2, 6, 4, 8)).astype("float32")

    def run():
        return keras.ops.convert_to_numpy(make()(x))

    first, second = both(run)
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_pyramids(both):
    features = {
        3: np.ones((1, 8, 8, 4), "float32"),
        4: np.ones((1, 4, 4, 6), "float32"),
    }
    first, second = both(lambda: layers.FeaturePyramid(3, 4, num_channels=4)(features))
    for level in features:
        np.testing.assert_allclose(
            *(keras.ops.convert_to_numpy(x[level]) for x in (first, second)), rtol=1e-5
        )


@pytest.mark.parametrize("augment", [layers.RandAugment, layers.AugMix])
def test_augmentation(both, augment):
    images = np.random.default_rng(0).integers(0, 256, (2, 16, 20, 3), "uint8")

    def run():
        layer, tensors = augment(seed=1), keras.ops.convert_to_tensor(images)
        return [layer(images), keras.ops.convert_to_numpy(layer(tensors))]

    for first, second in zip(*both(run), strict=True):
        np.testing.assert_array_equal(first, second)
