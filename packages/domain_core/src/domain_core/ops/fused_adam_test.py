"""The fused step against Keras' own, from the same start."""

import keras
import numpy as np
import pytest

from domain_core.ops.fused_adam import FusedAdam
from domain_core.testing import assert_close


def train(optimizer):
    rng = np.random.default_rng(0)
    x, y = (rng.normal(size=(6, n)).astype("float32") for n in (4, 2))
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2, name="d")])
    start = np.random.default_rng(1).normal(size=(4, 2))
    model.set_weights([start, np.zeros(2)])
    model.compile(optimizer=optimizer, loss="mse")
    model.fit(x, y, batch_size=2, epochs=3, shuffle=False, verbose=0)
    return model


@pytest.mark.parametrize(
    "options",
    [
        {"learning_rate": 0.05, "epsilon": 1e-3},
        {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)},
        {"learning_rate": 0.05, "clipnorm": 0.1},
        {"learning_rate": 0.05, "amsgrad": True},
        {"learning_rate": 0.05, "weight_decay": 0.1},
    ],
)
def test_equals_keras(options):
    fused, plain = train(FusedAdam(**options)), train(keras.optimizers.Adam(**options))
    for ours, theirs in zip(fused.weights, plain.weights, strict=True):
        assert_close(ours, theirs, rtol=1e-6, atol=1e-6)
    for ours, theirs in zip(
        fused.optimizer.variables, plain.optimizer.variables, strict=True
    ):
        assert_close(ours, theirs, rtol=1e-5, atol=1e-7)


def test_config_round_trip():
    optimizer = FusedAdam(3e-4, beta_1=0.8)
    again = FusedAdam.from_config(optimizer.get_config())
    assert float(again.learning_rate) == pytest.approx(3e-4)
    assert again.beta_1 == 0.8


@pytest.mark.large
@pytest.mark.backends("torch")
def test_kernels_of_convolutions_in_a_compiled_step():
    """Their state is laid out as they are at the first step: no graph may forbid it."""
    from domain_core.ops import keep_kernel_in_order

    x = np.random.default_rng(0).normal(size=(1, 8, 8, 4)).astype("float32")

    def losses(jit_compile):
        conv = keras.layers.Conv2D(6, 1, name="c")
        model = keras.Sequential([keras.Input((8, 8, 4)), conv])
        start = np.random.default_rng(1).normal(size=(1, 1, 4, 6))
        model.set_weights([start, np.zeros(6)])
        keep_kernel_in_order(conv.kernel)
        model.compile(FusedAdam(0.05), loss="mse", jit_compile=jit_compile)
        y = np.zeros((1, 8, 8, 6), "float32")
        return [float(model.train_on_batch(x, y)) for _ in range(3)]

    assert_close(losses(True), losses(False), rtol=1e-5, atol=1e-6)
