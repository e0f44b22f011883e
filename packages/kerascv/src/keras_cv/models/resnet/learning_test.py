"""A small ResNet learns a few images by heart, and survives poor batches."""

import keras
import numpy as np
import pytest

from keras_cv.models import ImageClassifier, ResNetBackbone


def make():
    backbone = ResNetBackbone(
        stackwise_filters=[8, 16],
        stackwise_blocks=[1, 1],
        stackwise_strides=[1, 2],
        include_rescaling=True,
        block_type="basic_block",
        stem_filters=8,
        batch_norm_momentum=0.8,
    )
    task = ImageClassifier(backbone, num_classes=3)
    task.compile(optimizer=keras.optimizers.Adam(0.01))
    return task


@pytest.mark.backends
def test_it_learns_noise_by_heart():
    images = np.random.default_rng(0).integers(0, 256, (12, 24, 24, 3), "uint8")
    labels = np.arange(12) % 3
    task = make()
    task.fit(images, labels, batch_size=12, epochs=40, verbose=0)
    assert task.evaluate(images, labels, batch_size=12, verbose=0)[1] == 1.0


def test_degenerate_batches_stay_finite():
    task = make()
    noise = np.random.default_rng(0).integers(0, 256, (12, 24, 24, 3), "uint8")
    for images, labels in (
        (noise[:1], [2]),  # one image
        (noise, [1] * 12),  # one class
        (np.zeros_like(noise), np.arange(12) % 3),  # nothing to see
    ):
        history = task.fit(images, labels, batch_size=12, epochs=3, verbose=0).history
        assert np.isfinite(history["loss"]).all()
        predictions = task.predict(images, batch_size=12, verbose=0)
        np.testing.assert_allclose(predictions.sum(axis=1), 1, rtol=1e-5)
        assert all(np.isfinite(w).all() for w in task.get_weights())
