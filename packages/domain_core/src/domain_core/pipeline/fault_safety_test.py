"""Whatever raises in a loop over the model, its variables stay usable."""

import signal
import subprocess
import sys
import threading

import keras
import numpy as np
import pytest

from domain_core.pipeline import PipelineModel
from domain_core.pipeline.prefetch import THREAD_NAME
from domain_core.testing import to_numpy

pytestmark = pytest.mark.backends
BATCH_SIZE = 4
X = np.random.default_rng(0).normal(size=(14, 3)).astype("float32")
Y = np.arange(14) % 2


class Model(PipelineModel):
    """Fails while it prepares a batch, when it is told to."""

    def __init__(self):
        inputs = keras.Input((3,))
        x = keras.layers.BatchNormalization()(inputs)
        x = keras.layers.Dropout(0.5)(x)  # has a state of its own
        super().__init__(inputs=inputs, outputs=keras.layers.Dense(2)(x))
        self.fail_at = None
        self.prepared = 0

    def preprocess_samples(self, x, y=None, sample_weight=None):
        if self.prepared == self.fail_at:
            raise BrokenData(f"batch {self.prepared}")
        self.prepared += 1
        return x, y, sample_weight

    def run(self, method, fail_at=None, **options):
        self.fail_at, self.prepared = fail_at, 0
        if method == "fit":
            options = {"shuffle": False, **options}
        targets = {} if method == "predict" else {"y": Y}
        options = {"batch_size": BATCH_SIZE, "verbose": 0, **targets, **options}
        try:
            return getattr(self, method)(X, **options)
        finally:
            self.fail_at = None


class BrokenData(ValueError):
    def __init__(self, what):
        super().__init__(what)


class Raise(keras.callbacks.Callback):
    """Raises at a batch of a loop, before or after the model has seen it."""

    def __init__(self, error, event, batch):
        super().__init__()
        for name in ("train", "test", "predict"):
            setattr(self, f"on_{name}_batch_{event}", self.count)
        self.error, self.batch = error, batch

    def count(self, batch, logs=None):
        if batch == self.batch:
            raise self.error


@pytest.fixture(scope="module")
def model():
    model = Model()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss, metrics=["accuracy"])
    model.run("fit")
    return model


def check_usable(model):
    """Predicts, trains on, and finds every variable changed by training."""
    assert not [t for t in threading.enumerate() if t.name == THREAD_NAME]
    before = [np.array(keras.ops.convert_to_numpy(v)) for v in model.variables]
    assert all(np.isfinite(values).all() for values in before)
    assert np.isfinite(model.run("predict")).all()
    steps = int(model.optimizer.iterations)
    model.run("fit")
    assert int(model.optimizer.iterations) == steps + 4
    kernel = len(model.trainable_variables) - 2
    after = keras.ops.convert_to_numpy(model.trainable_variables[kernel])
    assert not np.array_equal(after, model.trainable_variables_before[kernel])


@pytest.fixture
def weights(model):
    """The weights as they were, to be compared with."""
    values = model.get_weights()
    model.trainable_variables_before = [
        np.array(keras.ops.convert_to_numpy(v)) for v in model.trainable_variables
    ]
    return values


@pytest.mark.parametrize("batch", [0, 2])
@pytest.mark.parametrize("method", ["fit", "evaluate", "predict"])
class TestFailures:
    def test_data(self, model, weights, method, batch):
        expected = model.run("predict")
        with pytest.raises(BrokenData, match=f"batch {batch}") as caught:
            model.run(method, fail_at=batch)
        assert f"batch {batch} was prepared" in caught.value.__notes__[0]
        if method != "fit" or batch == 0:
            np.testing.assert_array_equal(model.run("predict"), expected)
        check_usable(model)

    @pytest.mark.parametrize("event", ["begin", "end"])
    def test_interrupt_in_a_callback(self, model, weights, method, batch, event):
        expected = model.run("predict")
        callback = Raise(KeyboardInterrupt(), event, batch)
        with pytest.raises(KeyboardInterrupt):
            model.run(method, callbacks=[callback])
        if method != "fit" or (batch == 0 and event == "begin"):
            np.testing.assert_array_equal(model.run("predict"), expected)
        check_usable(model)


def test_it_keeps_the_steps_that_were_done(model, weights):
    with pytest.raises(BrokenData):
        model.run("fit", fail_at=2)
    interrupted = model.get_weights()
    assert not np.array_equal(interrupted[-1], weights[-1])
    # The moving averages of batch normalization do not depend on dropout or Adam.
    moving = [X[:4].mean(0), X[4:8].mean(0)]
    expected = (weights[2] * 0.99 + moving[0] * 0.01) * 0.99 + moving[1] * 0.01
    np.testing.assert_allclose(interrupted[2], expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("fail_at", [4, 6, 8, 10])
def test_failures_after_validation(model, weights, fail_at):
    # 4 batches to train on, 4 to validate on: the second epoch begins at 8.
    with pytest.raises(BrokenData):
        model.run("fit", fail_at=fail_at, epochs=2, validation_data=(X, Y))
    check_usable(model)


def test_failure_in_a_nested_loop(model, weights):
    class Nested(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.predict(X, verbose=0)
            with pytest.raises(BrokenData):
                self.model.run("predict", fail_at=1)

    model.run("fit", epochs=2, callbacks=[Nested()])
    with pytest.raises(OSError):
        model.run("fit", callbacks=[Nested(), Raise(OSError(), "begin", 3)])
    check_usable(model)


def test_failure_of_a_step(model, weights):
    with pytest.raises(Exception):  # noqa: B017 - each backend has its own
        model.fit(np.ones((4, 5), "float32"), np.ones(4), verbose=0)
    check_usable(model)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.parametrize("call", [1, 2])
@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_ctrl_c_while_the_first_step_is_made(method, call):
    """Interrupts what Keras builds at first, and what it then traces or runs."""
    calls = []
    cross_entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def loss(y, logits):
        calls.append(1)
        if len(calls) == call:
            signal.raise_signal(signal.SIGINT)
        return cross_entropy(y, logits)

    model = Model()
    model.compile("adam", loss, metrics=["accuracy", "sparse_categorical_accuracy"])
    weights = [np.array(to_numpy(v)) for v in model.trainable_variables]
    # Programs that a shell started in the background ignore it.
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            model.run(method)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert len(calls) >= call
    for before, now in zip(weights, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(to_numpy(now), before)
    history = model.run("fit").history
    assert sorted(history) == ["accuracy", "loss", "sparse_categorical_accuracy"]
    assert len(model.run("evaluate")) == 3
    assert int(model.optimizer.iterations) == 4


CTRL_C = """
import os, signal, sys, threading
import numpy as np
import keras
from domain_core.pipeline import PipelineModel

# Programs that a shell started in the background ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Model(PipelineModel):
    pass

class CtrlC(threading.Thread):
    # Again and again: Python drops an interrupt that meets a finalizer.
    def __init__(self, delay):
        super().__init__()
        self.delay, self.over = delay, threading.Event()
    def run(self):
        while not self.over.wait(self.delay):
            os.kill(os.getpid(), signal.SIGINT)
            self.delay = 2.0

inputs = keras.Input((64,))
x = inputs
for _ in range(4):
    x = keras.layers.Dense(64, activation="tanh")(x)
model = Model(inputs=inputs, outputs=keras.layers.Dense(64)(x))
model.compile("adam", "mse", metrics=["mae"])
data = np.random.default_rng(0).normal(size=(512, 64)).astype("float32")
options = {"batch_size": 16, "verbose": 0}

def fit():
    model.fit(data, data, epochs=10**6, validation_data=(data, data), **options)

def evaluate():
    while True:
        model.evaluate(data, data, **options)

def predict():
    while True:
        model.predict(data, **options)

model.fit(data, data, validation_data=(data, data), **options)
model.predict(data, **options)
interrupted = 0
for delay in np.random.default_rng(1).uniform(0.02, 0.2, int(sys.argv[1])):
    ctrl_c = CtrlC(delay)
    try:
        ctrl_c.start()
        (fit, evaluate, predict)[interrupted % 3]()
    except KeyboardInterrupt:
        ctrl_c.over.set()
        interrupted += 1
    for variable in model.variables + model.optimizer.variables:
        assert np.isfinite(keras.ops.convert_to_numpy(variable.value)).all()
assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
assert np.isfinite(model.predict(data, **options)).all()
model.fit(data, data, **options)
print(interrupted)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.backends("jax")  # others update variables in place
def test_ctrl_c_at_any_moment():
    result = subprocess.run(
        [sys.executable, "-c", CTRL_C, "15"], capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "15"
