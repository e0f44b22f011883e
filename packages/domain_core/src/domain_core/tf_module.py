"""A Keras model as a `tf.Module`, for plain TensorFlow code."""

from __future__ import annotations

from typing import Any

import keras


def as_tf_module(model: keras.Model) -> Any:
    """Wraps a functional model in a `tf.Module` that shares its variables.

    The module is called as `module(inputs)` with the model's structure of inputs, any
    batch size, and any size where the model's `Input` says None; the model runs as in
    inference. Its call is a `tf.function`, so `tf.saved_model.save(module, directory)`
    writes something that plain TensorFlow loads and calls.

    Args:
        model: a functional model, on the TensorFlow backend.

    Returns:
        A `tf.Module` with `variables`, `trainable_variables` and `__call__`.

    Raises:
        ValueError: on another backend, or if the model is not functional.

    Example:
        ```python
        module = domain_core.as_tf_module(classifier)
        tf.saved_model.save(module, "served")
        tf.saved_model.load("served")(inputs)
        ```

        A preprocessor whose tokenizer has `graph=True` goes into the same file; what it
        looks up is part of the graph, so there is nothing else to keep track of. The
        server imports `tensorflow_text` before it loads the file.

        ```python
        module.serve = tf.function(
            lambda texts: module(preprocessor(texts)),
            input_signature=[tf.TensorSpec([None], "string")],
        )
        tf.saved_model.save(module, "served")
        ```
    """
    backend = keras.backend.backend()
    if backend != "tensorflow":
        raise ValueError(
            "Expected the TensorFlow backend, where a model's variables are those of "
            f"TensorFlow. Received the {backend} backend. Set KERAS_BACKEND=tensorflow "
            "before Keras is imported."
        )
    if getattr(model, "inputs", None) is None:
        raise ValueError(
            "Expected a functional model, whose inputs are known. Received "
            f"{type(model).__name__}: build it with `keras.Model(inputs, outputs)`."
        )
    import tensorflow as tf

    def as_spec(tensor: keras.KerasTensor) -> Any:
        return tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype, tensor.name)

    signature = keras.tree.map_structure(as_spec, model.input)

    class KerasModule(tf.Module):
        """A Keras model as a `tf.Module`."""

        def __init__(self) -> None:
            super().__init__(name=model.name)
            self.model = model
            # A Keras variable is no `tf.Variable`, its value is one.
            self.model_variables = [variable.value for variable in model.variables]

        @property
        def variables(self) -> tuple[Any, ...]:
            return tuple(variable.value for variable in model.variables)

        @property
        def trainable_variables(self) -> tuple[Any, ...]:
            # `layer.trainable` is Keras' and may change; TensorFlow does not know it.
            return tuple(variable.value for variable in model.trainable_variables)

        @property
        def non_trainable_variables(self) -> tuple[Any, ...]:
            return tuple(variable.value for variable in model.non_trainable_variables)

        @tf.function(input_signature=[signature])
        def __call__(self, inputs: Any) -> Any:
            return model(inputs, training=False)

    return KerasModule()
