"""Dense layers with ReLU between them."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.layers.projection import dense, project
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("kerascv")
class MultiLayerPerceptron(RemembersArguments, keras.layers.Layer):
    """What turns a token of SAM's decoder into its outputs.

    Args:
        hidden_dim: width of all layers but the last.
        output_dim: width `E` of the last.
        num_layers: number of layers, at least 2.
        name: name of the layer.
        trainable: whether its weights train.
        dtype: dtype policy.

    Call arguments:
        x: tensor `(..., D)`.

    Returns:
        Tensor `(..., E)`.

    Raises:
        ValueError: if there are fewer than 2 layers.
    """

    def __init__(
        self,
        hidden_dim: int,
        output_dim: int,
        num_layers: int,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        if num_layers < 2:
            raise ValueError(f"Expected at least 2 layers, received {num_layers}.")
        self.hidden_dim = hidden_dim
        self.output_dim = output_dim
        self.num_layers = num_layers
        self.kernel_initializer = keras.initializers.get("glorot_uniform")
        self.bias_initializer = keras.initializers.get("zeros")
        self._activate = ops.activation("relu")

    def build(self, x_shape: Any) -> None:
        self.first = dense(self.hidden_dim, "first", self)
        self.hidden = [
            dense(self.hidden_dim, f"hidden_{index}", self)
            for index in range(self.num_layers - 2)
        ]
        self.last = dense(self.output_dim, "last", self)
        self.first.build(x_shape)
        for layer in (*self.hidden, self.last):
            layer.build((*x_shape[:-1], self.hidden_dim))

    def call(self, x: Any) -> Any:
        for layer in (self.first, *self.hidden):
            x = self._activate(project(layer, x, self.dtype_policy))
        return project(self.last, x, self.dtype_policy)

    def compute_output_spec(self, x: Any) -> Any:
        shape = (*x.shape[:-1], self.output_dim)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)
