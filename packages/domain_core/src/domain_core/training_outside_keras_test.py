"""A model trains in a framework's own loop as it does in `fit`: one step, same weights.

One test per backend, the loop that its users write.
"""

import keras
import numpy as np
import pytest

from domain_core.pipeline import PipelineModel

TEXTS = ["a", "ab", "abb", "bbb"]
LABELS = np.array([0, 1, 2, 1])
LEARNING_RATE = 0.1


class Classifier(PipelineModel):
    """Counts letters, normalizes, and tells three classes apart."""

    def __init__(self):
        inputs = keras.Input((3,), name="counts")
        x = keras.layers.Dense(5, activation="tanh", name="hidden")(inputs)
        x = keras.layers.BatchNormalization(name="norm")(x)
        super().__init__(inputs=inputs, outputs=keras.layers.Dense(3, name="out")(x))

    def preprocess_samples(self, x, y=None, sample_weight=None):
        counts = [[text.count("a"), text.count("b"), 1.0] for text in x]
        return np.array(counts, "float32"), y, sample_weight


@pytest.fixture
def models():
    """A model, and one of the same weights that has been through one step of `fit`."""
    model, fitted = Classifier(), Classifier()
    fitted.set_weights(model.get_weights())
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    fitted.compile(keras.optimizers.SGD(LEARNING_RATE), loss)
    fitted.fit(TEXTS, LABELS, batch_size=len(TEXTS), verbose=0)
    before, after = model.get_weights(), fitted.get_weights()
    assert all(np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True))
    return model, fitted


def check(model, fitted):
    for ours, theirs in zip(model.get_weights(), fitted.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)


@pytest.mark.backends("torch")
def test_plain_pytorch_loop(models):
    import torch

    model, fitted = models
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE)
    x, _, _ = model.preprocess_samples(TEXTS)

    optimizer.zero_grad()
    logits = model(torch.as_tensor(x), training=True)
    torch.nn.functional.cross_entropy(logits, torch.as_tensor(LABELS)).backward()
    optimizer.step()

    assert isinstance(model, torch.nn.Module)
    assert len(list(model.parameters())) == len(model.variables)
    check(model, fitted)


@pytest.mark.backends("jax")
def test_jitted_pure_jax_step(models):
    import jax
    import jax.numpy as jnp

    model, fitted = models
    optimizer = keras.optimizers.SGD(LEARNING_RATE)
    optimizer.build(model.trainable_variables)

    def loss_of(trainable, non_trainable, x, y):
        logits, non_trainable = model.stateless_call(
            trainable, non_trainable, x, training=True
        )
        likelihoods = jax.nn.log_softmax(logits)[jnp.arange(len(y)), y]
        return -likelihoods.mean(), non_trainable

    @jax.jit
    def step(trainable, non_trainable, optimizer_state, x, y):
        gradients, non_trainable = jax.grad(loss_of, has_aux=True)(
            trainable, non_trainable, x, y
        )
        trainable, optimizer_state = optimizer.stateless_apply(
            optimizer_state, gradients, trainable
        )
        return trainable, non_trainable, optimizer_state

    x, _, _ = model.preprocess_samples(TEXTS)
    groups = (
        model.trainable_variables,
        model.non_trainable_variables,
        optimizer.variables,
    )
    state = step(*([v.value for v in group] for group in groups), x, LABELS)
    for group, values in zip(groups, state, strict=True):
        for variable, value in zip(group, values, strict=True):
            variable.assign(value)
    check(model, fitted)


@pytest.mark.backends("tensorflow")
@pytest.mark.parametrize("jit_compile", [False, True])
def test_tf_function_with_a_gradient_tape(models, jit_compile):
    import tensorflow as tf

    model, fitted = models
    optimizer = keras.optimizers.SGD(LEARNING_RATE)
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=jit_compile)
    def step(x, y):
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)

    x, _, _ = model.preprocess_samples(TEXTS)
    step(tf.constant(x), tf.constant(LABELS))
    check(model, fitted)
