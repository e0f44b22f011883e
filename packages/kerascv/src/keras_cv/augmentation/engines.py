"""Which engine there is for NumPy, for graphs of TensorFlow, and for the backend."""

from __future__ import annotations

import functools

import keras

from keras_cv.augmentation.engine import Engine
from keras_cv.augmentation.numpy_engine import NumpyEngine

NUMPY: Engine = NumpyEngine()


@functools.cache
def tensorflow_engine() -> Engine:
    """Returns the engine of graphs of TensorFlow, which it imports."""
    from keras_cv.augmentation.tensorflow_engine import TensorFlowEngine

    return TensorFlowEngine()


@functools.cache
def keras_engine() -> Engine:
    """Returns the engine of the tensors of the backend."""
    backend = keras.backend.backend()
    if backend == "torch":
        from keras_cv.augmentation.torch_engine import TorchEngine

        return TorchEngine()
    from keras_cv.augmentation import keras_engine

    if backend == "jax":
        return keras_engine.JaxEngine()
    return keras_engine.TensorFlowBackendEngine()


def engine_of_users(engine: Engine) -> Engine:
    """Returns the engine of what users' own methods get: of tensors on TensorFlow."""
    if engine.on_host and keras.backend.backend() == "tensorflow":
        return keras_engine()
    return engine
