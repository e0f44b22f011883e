"""The summary of a sequence that BERT-like encoders train."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.layers.projection import dense, project
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class FirstTokenPooler(RemembersArguments, keras.layers.Layer):
    """tanh of a dense map of the first position.

    Args:
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.

    Call arguments:
        x: tensor `(B, T, D)`.

    Returns:
        Tensor `(B, D)`.
    """

    def __init__(
        self,
        *,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)

    def build(self, x_shape: Any) -> None:
        self.dense = dense(x_shape[-1], "dense", self)
        self.dense.build((x_shape[0], x_shape[-1]))

    def call(self, x: Any) -> Any:
        return keras.ops.tanh(project(self.dense, x[:, 0], self.dtype_policy))

    def compute_output_spec(self, x: Any) -> Any:
        return keras.KerasTensor((x.shape[0], x.shape[-1]), dtype=self.compute_dtype)
