"""Predicts the tokens at masked positions."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.layers.projection import dense, normalize, project
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class MaskedLMHead(RemembersArguments, keras.layers.Layer):
    """Gathers masked positions, transforms them, and scores the vocabulary.

    Args:
        vocabulary_size: number of token ids `V`; not needed with `token_embedding`.
        token_embedding: a `keras.layers.ReversibleEmbedding` whose table is reused
            as the output projection.
        intermediate_activation: activation of the transform.
        activation: activation of the output; None gives logits.
        layer_norm_epsilon: added to the variance.
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.

    Call arguments:
        inputs: tensor `(B, T, D)`.
        mask_positions: int `(B, M)`, positions in `[0, T)`.

    Returns:
        Tensor `(B, M, V)`.

    Raises:
        ValueError: if neither or both of the first two arguments are given.

    Example:
        >>> head = domain_core.layers.MaskedLMHead(vocabulary_size=100)
        >>> features, positions = np.ones((2, 5, 16)), np.array([[0, 3], [1, 2]])
        >>> tuple(head(features, positions).shape)
        (2, 2, 100)
    """

    def __init__(
        self,
        vocabulary_size: int | None = None,
        token_embedding: Any = None,
        intermediate_activation: Any = "relu",
        activation: Any = None,
        layer_norm_epsilon: float = 1e-5,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        if token_embedding is not None:
            vocabulary_size = vocabulary_size or token_embedding.input_dim
            if vocabulary_size != token_embedding.input_dim:
                raise ValueError(
                    f"Expected vocabulary_size={token_embedding.input_dim} as in "
                    f"`token_embedding`, received {vocabulary_size}. Leave it out."
                )
        if vocabulary_size is None:
            raise ValueError(
                "Expected `token_embedding` (tied output) or `vocabulary_size`, "
                "received neither."
            )
        self.vocabulary_size = vocabulary_size
        self.token_embedding = token_embedding
        self.intermediate_activation = intermediate_activation
        self.activation = activation
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self._transform_activation = ops.activation(intermediate_activation)
        self._output_activation = ops.activation(activation)

    def build(self, inputs_shape: Any, mask_positions_shape: Any = None) -> None:
        width = inputs_shape[-1]
        self.transform = dense(width, "transform", self)
        self.transform.build(inputs_shape)
        self.norm = keras.layers.LayerNormalization(
            epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name="norm"
        )
        self.norm.build(inputs_shape)
        if self.token_embedding is None:
            self.scores = dense(self.vocabulary_size, "scores", self, use_bias=False)
            self.scores.build(inputs_shape)
        self.output_bias = self.add_weight(
            name="output_bias",
            shape=(self.vocabulary_size,),
            initializer=self.bias_initializer,
        )

    def call(self, inputs: Any, mask_positions: Any) -> Any:
        positions = keras.ops.expand_dims(mask_positions, -1)
        x = keras.ops.take_along_axis(inputs, positions, axis=1)  # (B, M, D)
        x = self._transform_activation(project(self.transform, x, self.dtype_policy))
        x = normalize(self.norm, x, self.dtype_policy)
        if self.token_embedding is None:
            x = project(self.scores, x, self.dtype_policy)  # (B, M, V)
        else:
            x = self.token_embedding(x, reverse=True)  # (B, M, V)
            # It scores in the dtype that its table is kept in.
            x = keras.ops.cast(x, self.compute_dtype)
        return self._output_activation(x + self.output_bias.value)

    def compute_output_spec(self, inputs: Any, mask_positions: Any) -> Any:
        shape = (*mask_positions.shape, self.vocabulary_size)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)
