"""For tests: functions of tensors compiled, and their gradients, on each backend."""

import contextlib

import keras
import numpy as np

BACKEND = keras.backend.backend()


def tensors(*arrays):
    return [keras.ops.convert_to_tensor(np.asarray(x, "float32")) for x in arrays]


def compiled(function):
    """Compiles a function of tensors, but on torch, where that takes a minute."""
    if BACKEND == "jax":
        import jax

        return jax.jit(function)
    if BACKEND == "tensorflow":
        import tensorflow as tf

        return tf.function(function, jit_compile=True)
    return function


@contextlib.contextmanager
def floatx(name):
    """What Keras makes tensors of where nothing else says it."""
    before = keras.config.floatx()
    keras.config.set_floatx(name)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def gradients(function, *arrays):
    """Returns the gradients of the sum of what a function returns, as NumPy arrays."""
    values = tensors(*arrays)

    def total(*arguments):
        return keras.ops.sum(function(*arguments))

    if BACKEND == "jax":
        import jax

        run = jax.jit(jax.grad(total, argnums=tuple(range(len(values)))))
        found = run(*values)
    elif BACKEND == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(values)
            result = total(*values)
        found = tape.gradient(result, values, unconnected_gradients="zero")
    else:
        for value in values:
            value.requires_grad_()
        total(*values).backward()
        found = [keras.ops.zeros_like(x) if x.grad is None else x.grad for x in values]
    return [keras.ops.convert_to_numpy(x) for x in found]


def test_gradients_are_those_of_the_sum():
    (found,) = gradients(lambda x: x * x, [1.0, -3.0])
    np.testing.assert_allclose(found, [2.0, -6.0])
