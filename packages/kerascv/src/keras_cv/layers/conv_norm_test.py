"""The short ways against Keras' layers, in training too."""

import keras
import numpy as np
import pytest

from domain_core.testing import assert_close, to_numpy
from keras_cv.layers.conv_norm import batch_normalize, build_conv, convolve, make_conv


class Short(keras.layers.Layer):
    """A convolution and a norm by their short ways, or by the layers' calls."""

    kernel_initializer = "glorot_uniform"

    def __init__(self, *, short=True, padding="same", **kwargs):
        super().__init__(**kwargs)
        self.short = short
        options = {"strides": 2, "padding": padding, "use_bias": True}
        self.conv = make_conv(4, 3, "conv", self, **options)
        self.norm = keras.layers.BatchNormalization(
            dtype=self.dtype_policy, name="norm"
        )

    def build(self, shape):
        build_conv(self.conv, shape)
        self.norm.build((None, None, None, 4))

    def call(self, x, training=False):
        policy = self.dtype_policy if self.short else None
        y = convolve(self.conv, x, policy)
        return batch_normalize(self.norm, y, policy, training)


def pair(**options):
    """Returns a model by the short ways and its twin by layer calls."""
    models = []
    for short in (True, False):
        inputs = keras.Input((7, 8, 3))
        layer = Short(short=short, **options)
        models.append(keras.Model(inputs, layer(inputs)))
        models[-1].dtype_policy = layer.dtype_policy
        models[-1].compile(keras.optimizers.SGD(0.1), "mse")
    models[1].set_weights(models[0].get_weights())
    return models


def data():
    rng = np.random.default_rng(0)
    return rng.normal(2, 3, (4, 7, 8, 3)), rng.normal(size=(4, 4, 4, 4))


@pytest.mark.backends
@pytest.mark.parametrize("padding", ["same", "symmetric"])
def test_one_step_changes_weights_and_moving_statistics_alike(padding):
    short, plain = pair(padding=padding)
    before = short.get_weights()
    for model in (short, plain):
        model.fit(*data(), batch_size=4, verbose=0)
    moved = []
    for start, received, expected in zip(
        before, short.get_weights(), plain.get_weights(), strict=True
    ):
        assert_close(received, expected)
        moved.append(np.abs(received - start).max() > 1e-4)
    assert moved == [True, False, True, True, True, True]  # a norm cancels the bias
    x, _ = data()
    assert_close(short.predict(x, verbose=0), plain.predict(x, verbose=0))


def test_a_frozen_norm_uses_and_keeps_its_statistics():
    short, plain = pair()
    for model in (short, plain):
        model.layers[-1].norm.trainable = False
        model.layers[-1].norm.moving_mean.assign(np.arange(4.0))
        model.compile(keras.optimizers.SGD(0.1), "mse")
    x, y = data()
    assert_close(short(x, training=True), short(x, training=False))
    short.fit(x, y, batch_size=4, verbose=0)
    plain.fit(x, y, batch_size=4, verbose=0)
    assert_close(short.layers[-1].norm.moving_mean, np.arange(4.0), rtol=0, atol=0)
    assert_close(short.layers[-1].norm.gamma, np.ones(4), rtol=0, atol=0)
    assert_close(short.layers[-1].conv.kernel, plain.layers[-1].conv.kernel)


@pytest.mark.backends
def test_half_precision_keeps_statistics_in_float32():
    short, plain = pair(dtype="mixed_bfloat16")
    x, _ = data()
    features = [model(x, training=True) for model in (short, plain)]
    assert {keras.backend.standardize_dtype(f.dtype) for f in features} == {"bfloat16"}
    features = [to_numpy(keras.ops.cast(f, "float32")) for f in features]
    assert_close(*features, rtol=0.02, atol=0.02)  # 8 bits
    for name in ("moving_mean", "moving_variance"):
        received, expected = (
            to_numpy(getattr(model.layers[-1].norm, name)) for model in (short, plain)
        )
        assert received.dtype == "float32"
        # They follow features of 8 bits, of which thousands are averaged.
        assert_close(received, expected, rtol=1e-4, atol=1e-4)


def test_what_only_a_layer_call_honours():
    short, _ = pair()
    layer = short.layers[-1]
    x, _ = data()
    usual = to_numpy(short(x))
    layer.conv.activity_regularizer = keras.regularizers.L2(1.0)
    assert_close(short(x), usual)
    assert len(short.losses) == 1
    layer.norm.dtype_policy = keras.dtype_policies.get("bfloat16")
    assert keras.backend.standardize_dtype(short(x).dtype) == "bfloat16"


@pytest.mark.backends
def test_lora_takes_part():
    short, _ = pair()
    layer = short.layers[-1]
    x, _ = data()
    usual = to_numpy(short(x))
    layer.conv.enable_lora(2)
    layer.conv.lora_kernel_b.assign(np.ones(layer.conv.lora_kernel_b.shape))
    received = to_numpy(short(x))
    assert np.abs(received - usual).max() > 0.1
    layer.short = False
    assert_close(short(x), received)
