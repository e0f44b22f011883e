"""Token and learned position embeddings, summed."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.arguments import as_positive_int
from domain_core.layers.position_embedding import PositionEmbedding
from domain_core.layers.projection import look_up
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from domain_core.weights.initialization import initializer


@serializable("domain_core")
class TokenAndPositionEmbedding(RemembersArguments, keras.layers.Layer):
    """Sum of the embeddings of a token and of its position.

    Args:
        vocabulary_size: number of token ids.
        sequence_length: number of positions.
        embedding_dim: width `D`.
        tie_weights: whether `token_embedding`, a `keras.layers.ReversibleEmbedding`,
            scores tokens by the same table that it looks them up in.
        embeddings_initializer: a Keras initializer, of both tables.
        mask_zero: whether id 0 is padding, which later layers then leave out.

    Call arguments:
        inputs: int `(B, T)`.
        start_index: position of the first token; an int or an int tensor.
        positions: int `(T,)` or `(B, T)`, the positions themselves; `start_index` does
            not count then.

    Returns:
        Tensor `(B, T, D)`.

    Raises:
        ValueError: if a size is no positive integer, or the sequence is known to reach
            beyond the last position.

    Example:
        >>> embed = domain_core.layers.TokenAndPositionEmbedding(
        ...     vocabulary_size=100, sequence_length=10, embedding_dim=16
        ... )
        >>> tuple(embed(np.array([[3, 1, 4], [1, 5, 9]])).shape)
        (2, 3, 16)
    """

    def __init__(
        self,
        vocabulary_size: int,
        sequence_length: int,
        embedding_dim: int,
        tie_weights: bool = True,
        embeddings_initializer: Any = "uniform",
        mask_zero: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        # Rows are cast, not tables, and not ids that come as floats.
        super().__init__(name=name, trainable=trainable, dtype=dtype, autocast=False)
        self.vocabulary_size = as_positive_int("vocabulary_size", vocabulary_size)
        self.sequence_length = as_positive_int("sequence_length", sequence_length)
        self.embedding_dim = as_positive_int("embedding_dim", embedding_dim)
        self.tie_weights = tie_weights
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.mask_zero = mask_zero
        self.supports_masking = True
        self.token_embedding = keras.layers.ReversibleEmbedding(
            self.vocabulary_size,
            self.embedding_dim,
            tie_weights=tie_weights,
            embeddings_initializer=initializer(self.embeddings_initializer),
            mask_zero=mask_zero,
            dtype=self.dtype_policy,
            name="token_embedding",
        )
        self.position_embedding = PositionEmbedding(
            self.sequence_length,
            self.embeddings_initializer,
            dtype=self.dtype_policy,
            name="position_embedding",
        )

    def build(self, inputs_shape: Any) -> None:
        self.token_embedding.build(inputs_shape)
        self.position_embedding.build((*inputs_shape, self.embedding_dim))

    def call(self, inputs: Any, start_index: Any = 0, positions: Any = None) -> Any:
        if not keras.backend.is_int_dtype(inputs.dtype):
            inputs = keras.ops.cast(inputs, "int32")
        x = look_up(self.token_embedding, inputs, self.dtype_policy)
        x = keras.ops.cast(x, self.compute_dtype)
        return x + self.position_embedding.call(x, start_index, positions)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return keras.ops.not_equal(inputs, 0) if self.mask_zero else previous_mask

    def compute_output_shape(self, inputs_shape: Any) -> Any:
        self.position_embedding.check_length(inputs_shape[-1])
        return (*inputs_shape, self.embedding_dim)
