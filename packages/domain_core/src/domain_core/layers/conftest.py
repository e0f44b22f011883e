"""What tests of layers share."""

import keras
import numpy as np
import pytest


@pytest.fixture(scope="package")
def share_weights():
    """Returns a function that gives a layer and its peer the same random weights."""

    def share(ours, theirs, names):
        rng = np.random.default_rng(0)
        their_weights = {name_of(weight): weight for weight in theirs.weights}
        assert len(ours.weights) == len(their_weights)
        for weight in ours.weights:
            path = name_of(weight)
            for old, new in names.items():
                path = path.replace(old, new)
            value = 0.3 * rng.normal(size=weight.shape)
            weight.assign(value)
            their = their_weights.pop(path)
            their.assign(value.reshape(their.shape))
        assert not their_weights

    return share


def name_of(weight):
    """Returns the path of a weight below its layer."""
    return weight.path.partition("/")[2]


@pytest.fixture(scope="package")
def compiled():
    """Returns a function that compiles one of tensors, where the backend can."""

    def compile_it(function):
        backend = keras.config.backend()
        if backend == "jax":
            import jax

            return jax.jit(function)
        if backend == "tensorflow":
            import tensorflow as tf

            return tf.function(function, jit_compile=True)
        return function  # torch.compile takes a minute

    return compile_it
