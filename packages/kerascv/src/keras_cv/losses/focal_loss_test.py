import keras
import numpy as np
import pytest

from keras_cv.losses import FocalLoss, SmoothL1Loss


def value(tensor):
    return keras.ops.convert_to_numpy(tensor)


def sample():
    rng = np.random.default_rng(0)
    return np.eye(6)[rng.integers(0, 6, 20)], rng.normal(0, 4, (20, 6))


def test_agrees_with_keras():
    labels, logits = sample()
    for from_logits in (True, False):
        x = logits if from_logits else 1 / (1 + np.exp(-logits))
        peer = keras.losses.BinaryFocalCrossentropy(
            apply_class_balancing=True, alpha=0.3, gamma=1.5, from_logits=from_logits
        )
        found = FocalLoss(0.3, 1.5, from_logits)(labels, x)
        # Keras takes the mean over classes.
        np.testing.assert_allclose(value(found), 6 * value(peer(labels, x)), rtol=1e-5)


@pytest.mark.backends
def test_defect_23_from_logits_is_the_same_on_all_backends():
    """Upstream gave 31 or 925 for the same logits, as the backend clipped."""
    labels, logits = np.array([[1.0, 0.0, 0.0]]), np.array([[-100.0, 90.0, -5.0]])
    found = FocalLoss(from_logits=True)(labels, logits)
    np.testing.assert_allclose(value(found), 0.25 * 100 + 0.75 * 90, rtol=1e-6)


def test_defect_23_smoothing_keeps_the_weights_of_classes():
    """With smoothed labels upstream gave positives the weight of negatives."""
    loss = FocalLoss(alpha=1.0, gamma=0, from_logits=True, label_smoothing=0.1)
    labels, logits = np.array([[1.0, 0.0]]), np.zeros((1, 2))
    # At p = 1/2 the entropy is log(2) for all labels; negatives weigh nothing.
    np.testing.assert_allclose(value(loss(labels, logits)), np.log(2), rtol=1e-6)


def test_without_focus_it_is_cross_entropy():
    labels, logits = sample()
    peer = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1)
    loss = FocalLoss(0.5, 0, from_logits=True, label_smoothing=0.1)
    found = value(loss(labels, logits))
    np.testing.assert_allclose(found, 3 * value(peer(labels, logits)), rtol=1e-5)


def test_defect_23_smooth_l1_has_no_step():
    """Upstream's jumped at each cutoff but 1."""
    for cutoff in (0.1, 1.0, 3.0):
        loss = SmoothL1Loss(cutoff, reduction=None)
        errors = np.array([[cutoff - 1e-6], [cutoff + 1e-6], [cutoff + 2]])
        below, above, far = value(loss(np.zeros((3, 1)), errors))
        np.testing.assert_allclose([below, above], cutoff / 2, atol=1e-5)
        np.testing.assert_allclose(far, cutoff / 2 + 2, rtol=1e-5)


def test_smooth_l1_agrees_with_huber():
    labels, found = sample()
    for cutoff in (0.5, 1.0, 2.0):
        huber = keras.losses.Huber(delta=cutoff)(labels, found)
        ours = SmoothL1Loss(cutoff)(labels, found)
        np.testing.assert_allclose(value(ours), value(huber) / cutoff, rtol=1e-5)
