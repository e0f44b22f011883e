"""BERT without Keras' loop: one step by each framework's own means equals `fit`'s."""

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_nlp.models import BertBackbone, BertClassifier

BACKEND = keras.config.backend()
RATE = 0.1


def make():
    backbone = BertBackbone(
        vocabulary_size=20,
        num_layers=1,
        num_heads=2,
        hidden_dim=8,
        intermediate_dim=16,
        dropout=0.0,
        max_sequence_length=6,
    )
    task = BertClassifier(backbone, num_classes=3, dropout=0.0)
    task.compile(
        optimizer=keras.optimizers.SGD(RATE),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=None,
    )
    return task


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    x = {
        "token_ids": rng.integers(0, 20, (4, 6)).astype("int32"),
        "segment_ids": np.zeros((4, 6), "int32"),
        "padding_mask": np.ones((4, 6), "int32"),
    }
    return x, np.array([0, 2, 1, 2], "int32")


@pytest.fixture(scope="module")
def start():
    return [to_numpy(w).copy() for w in make().weights]


@pytest.fixture(scope="module")
def fitted(batch, start):
    """The weights after one step of `fit`."""
    task = make()
    task.set_weights(start)
    task.fit(*batch, batch_size=4, shuffle=False, verbose=0)
    return [to_numpy(w) for w in task.weights]


def check(task, fitted, start):
    moved = [np.abs(a - b).max() for a, b in zip(fitted, start, strict=True)]
    assert max(moved) > 1e-3
    for received, expected in zip(task.weights, fitted, strict=True):
        assert_close(received, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.skipif(BACKEND != "torch", reason="a loop of PyTorch's")
def test_plain_torch(batch, start, fitted):
    import torch

    task = make()
    task.set_weights(start)
    x, y = batch
    optimizer = torch.optim.SGD(task.parameters(), lr=RATE)
    logits = task({key: torch.tensor(value) for key, value in x.items()}, training=True)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(y).long())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    check(task, fitted, start)


@pytest.mark.skipif(BACKEND != "jax", reason="a step of JAX's")
def test_pure_jax(batch, start, fitted):
    import jax

    task = make()
    task.set_weights(start)
    x, y = batch

    def loss(trainable, rest):
        logits, rest = task.stateless_call(trainable, rest, x, training=True)
        scores = jax.nn.log_softmax(logits)
        return -scores[np.arange(4), y].mean(), rest

    @jax.jit
    def step(trainable, rest):
        (_, rest), slopes = jax.value_and_grad(loss, has_aux=True)(trainable, rest)
        new = [w - RATE * slope for w, slope in zip(trainable, slopes, strict=True)]
        return new, rest

    trainable, rest = step(
        [v.value for v in task.trainable_variables],
        [v.value for v in task.non_trainable_variables],
    )
    for variable, value in zip(task.trainable_variables, trainable, strict=True):
        variable.assign(value)
    check(task, fitted, start)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a step of TensorFlow's")
@pytest.mark.parametrize("jit", [False, True])
def test_plain_tensorflow(batch, start, fitted, jit):
    import tensorflow as tf

    task = make()
    task.set_weights(start)
    x, y = batch

    @tf.function(jit_compile=jit)
    def step(x, y):
        with tf.GradientTape() as tape:
            logits = task(x, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            loss = tf.reduce_mean(losses)
        variables = [v.value for v in task.trainable_variables]
        slopes = tape.gradient(loss, variables)
        for variable, slope in zip(variables, slopes, strict=True):
            variable.assign_sub(RATE * tf.convert_to_tensor(slope))

    step({k: tf.constant(v) for k, v in x.items()}, tf.constant(y))
    check(task, fitted, start)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="TensorFlow's format")
def test_saved_model_in_plain_tensorflow(batch, start, tmp_path):
    import tensorflow as tf

    from domain_core import as_tf_module
    from domain_core.testing import run_python

    task = make()
    task.set_weights(start)
    tf.saved_model.save(as_tf_module(task), str(tmp_path / "saved"))
    x = {k: v[:3] for k, v in batch[0].items()}  # another batch than was traced
    np.savez(tmp_path / "x.npz", **x, expected=to_numpy(task(x)))
    run_python(
        """
        import sys, numpy as np, tensorflow as tf
        folder = sys.argv[1]
        data = dict(np.load(folder + "/x.npz"))
        expected = data.pop("expected")
        module = tf.saved_model.load(folder + "/saved")
        received = module({k: tf.constant(v) for k, v in data.items()})
        np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-6)
        assert "keras_nlp" not in sys.modules and "domain_core" not in sys.modules
        """,
        str(tmp_path),
    )
