"""Labels that no loss can take, as every task tells them."""

import keras
import numpy as np
import pytest

from domain_core.classifier import Classifier, check_labels

X = np.zeros((4, 2), "float32")


def make(**options):
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(3)(inputs)
    backbone = keras.Model(inputs, outputs)
    model = Classifier(backbone, inputs, outputs, num_classes=3)
    if options:
        model.compile(**options)
    return model


@pytest.fixture(scope="module")
def model():
    return make()


@pytest.mark.backends
@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            np.array([0, 1, np.nan, 2]),
            r"labels in \[0, 3\), received nan at position 2",
        ),
        ([0, 1, None, 2], r"`y\[2\]` is None"),
        ([0, 1, 2, 3], "received 3 at position 3"),
        ([-1, 1, 2, 0], "received -1 at position 0"),
        ([0.0, 0.5, 1.0, 2.0], "received 0.5 at position 1"),
        (["0", "1", "2", "0"], "as integers from 0 on, received (np.str_.)?'0'"),
        (np.array([b"cat"] * 4, object), "received b'cat'"),
        (np.eye(3)[[0, 1, 2, 0]], r"shape \(4, 3\). If they are one-hot"),
        (np.eye(3, dtype="int32")[[0, 1, 2, 0]].tolist(), "one-hot"),
    ],
)
def test_refuses(model, labels, message):
    for run in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=message):
            run(X, labels, verbose=0)
    if len(np.shape(labels)) == 1 and np.asarray(labels).dtype.kind in "if":
        data = keras.utils.pack_x_y_sample_weight(X, np.asarray(labels))
        with pytest.raises(ValueError, match=message):
            model.train_on_batch(*data)


@pytest.mark.backends
def test_takes():
    for labels in (
        [0, 1, 2, 0],
        [0.0, 1.0, 2.0, 0.0],
        [[0], [1], [2], [0]],
        [True] * 4,
    ):
        assert np.isfinite(make().fit(X, labels, verbose=0).history["loss"][0])
    model = make(loss=keras.losses.CategoricalCrossentropy(True), metrics=[])
    assert np.isfinite(model.evaluate(X, np.eye(3)[[0, 1, 2, 0]], verbose=0))


def test_a_class_that_the_loss_ignores():
    loss = keras.losses.SparseCategoricalCrossentropy(True, ignore_class=-1)
    check_labels([0, -1], 3, loss=loss, advice="")
    with pytest.raises(ValueError, match="received -2"):
        check_labels([0, -2], 3, loss=loss, advice="")
    check_labels(["a"], 3, loss="mse", advice="")
