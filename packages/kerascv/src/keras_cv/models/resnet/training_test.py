"""ResNet trains by its short ways as by layer calls, with `fit` and without.

One step by each framework's own means equals `fit`'s, moving statistics too.
"""

from unittest import mock

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.models import ResNetBackbone, ResNetV2Backbone

BACKEND = keras.config.backend()
RATE = 0.1


def make(cls=ResNetBackbone, padding="symmetric"):
    backbone = cls(
        stackwise_filters=[4, 6],
        stackwise_blocks=[1, 1],
        stackwise_strides=[1, 2],
        include_rescaling=False,
        stem_filters=5,
        padding=padding,
    )
    x = keras.layers.GlobalAveragePooling2D()(backbone.output)
    model = keras.Model(backbone.input, keras.layers.Dense(3)(x))
    model.compile(
        keras.optimizers.SGD(RATE),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4, 33, 34, 3)).astype("float32")
    return x, np.array([0, 2, 1, 2], "int32")


@pytest.fixture(scope="module")
def start():
    return [to_numpy(w).copy() for w in make().weights]


@pytest.fixture(scope="module")
def fitted(batch, start):
    """The weights after one step of `fit`."""
    model = make()
    model.set_weights(start)
    model.fit(*batch, batch_size=4, shuffle=False, verbose=0)
    return [to_numpy(w) for w in model.weights]


def check(model, fitted, start):
    for weight, expected, before in zip(model.weights, fitted, start, strict=True):
        assert np.abs(expected - before).max() > 1e-6, weight.path
        assert_close(weight, expected)


@pytest.mark.parametrize(
    ("cls", "padding"), [(ResNetBackbone, "symmetric"), (ResNetV2Backbone, "same")]
)
def test_fit_by_layer_calls(batch, cls, padding):
    short, plain = make(cls, padding), make(cls, padding)
    plain.set_weights(short.get_weights())
    short.fit(*batch, batch_size=4, shuffle=False, verbose=0)
    choice = "keras_cv.layers.conv_norm.takes_short_way"
    with mock.patch(choice, lambda *arguments: False):
        plain.fit(*batch, batch_size=4, shuffle=False, verbose=0)
    for received, expected in zip(short.weights, plain.weights, strict=True):
        assert_close(received, expected)


@pytest.mark.skipif(BACKEND != "torch", reason="a loop of PyTorch's")
def test_plain_torch(batch, start, fitted):
    import torch

    model = make()
    model.set_weights(start)
    x, y = batch
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    logits = model(torch.tensor(x), training=True)
    loss = torch.nn.functional.cross_entropy(logits, torch.tensor(y).long())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    check(model, fitted, start)


@pytest.mark.skipif(BACKEND != "jax", reason="a step of JAX's")
def test_pure_jax(batch, start, fitted):
    import jax

    model = make()
    model.set_weights(start)
    x, y = batch

    def loss(trainable, rest):
        logits, rest = model.stateless_call(trainable, rest, x, training=True)
        scores = jax.nn.log_softmax(logits)
        return -scores[np.arange(4), y].mean(), rest

    @jax.jit
    def step(trainable, rest):
        (_, rest), slopes = jax.value_and_grad(loss, has_aux=True)(trainable, rest)
        new = [w - RATE * slope for w, slope in zip(trainable, slopes, strict=True)]
        return new, rest

    groups = (model.trainable_variables, model.non_trainable_variables)
    values = step(*([v.value for v in group] for group in groups))
    for group, new in zip(groups, values, strict=True):
        for variable, value in zip(group, new, strict=True):
            variable.assign(value)
    check(model, fitted, start)


@pytest.mark.skipif(BACKEND != "tensorflow", reason="a step of TensorFlow's")
@pytest.mark.parametrize("jit", [False, True])
def test_plain_tensorflow(batch, start, fitted, jit):
    import tensorflow as tf

    model = make()
    model.set_weights(start)

    @tf.function(jit_compile=jit)
    def step(x, y):
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            loss = tf.reduce_mean(losses)
        variables = [v.value for v in model.trainable_variables]
        slopes = tape.gradient(loss, variables)
        for variable, slope in zip(variables, slopes, strict=True):
            variable.assign_sub(RATE * tf.convert_to_tensor(slope))

    step(*map(tf.constant, batch))
    check(model, fitted, start)
