"""Token, position and segment embeddings of an encoder, summed and normalized."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.layers.projection import look_up, normalize
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from domain_core.weights.initialization import initializer


@serializable("domain_core")
class TextEmbedding(RemembersArguments, keras.layers.Layer):
    """Sum of token, learned position and segment embeddings, then norm and dropout.

    Args:
        vocabulary_size: number of token ids.
        sequence_length: number of positions.
        hidden_dim: width `D` of the embeddings.
        num_segments: number of segment ids; 0 for none.
        dropout: share of the sum to drop in training.
        layer_norm_epsilon: added to the variance.
        embeddings_initializer: a Keras initializer.

    Call arguments:
        token_ids: int `(B, T)`, `T` at most `sequence_length`.
        segment_ids: int `(B, T)`; None without segments, or for the first one.

    Returns:
        Tensor `(B, T, D)`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        sequence_length: int,
        *,
        hidden_dim: int,
        num_segments: int = 0,
        dropout: float = 0.0,
        layer_norm_epsilon: float = 1e-5,
        embeddings_initializer: Any = "uniform",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.vocabulary_size = vocabulary_size
        self.sequence_length = sequence_length
        self.hidden_dim = hidden_dim
        self.num_segments = num_segments
        self.dropout = dropout
        self.layer_norm_epsilon = layer_norm_epsilon
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.seed_generator = keras.random.SeedGenerator()
        self.token_embedding = keras.layers.ReversibleEmbedding(
            vocabulary_size,
            hidden_dim,
            embeddings_initializer=initializer(self.embeddings_initializer),
            dtype=self.dtype_policy,
            name="token_embedding",
        )
        self.norm = keras.layers.LayerNormalization(
            epsilon=layer_norm_epsilon, dtype=self.dtype_policy, name="norm"
        )

    def build(self, token_ids_shape: Any, segment_ids_shape: Any = None) -> None:
        self.token_embedding.build(token_ids_shape)
        self.positions = self._table("positions", self.sequence_length)
        if self.num_segments:
            self.segments = self._table("segments", self.num_segments)
        self.norm.build((None, None, self.hidden_dim))

    def call(
        self, token_ids: Any, segment_ids: Any = None, training: bool = False
    ) -> Any:
        x = look_up(self.token_embedding, token_ids, self.dtype_policy)
        length = keras.ops.shape(token_ids)[1]
        if isinstance(length, int) and length > self.sequence_length:
            raise ValueError(
                f"Expected token ids of at most {self.sequence_length} positions, "
                f"received {length}. Truncate the texts (`sequence_length` of the "
                "preprocessor) or build the model with more positions."
            )
        # Indices rather than a slice: a slice fails in exports with a symbolic length.
        steps = keras.ops.arange(length, dtype="int32")
        x = x + ops.take_rows(self.positions.value, steps)
        if self.num_segments and segment_ids is None:
            x = x + self.segments.value[0]
        elif self.num_segments:
            x = x + ops.take_rows(self.segments.value, segment_ids)
        x = normalize(self.norm, x, self.dtype_policy)
        if training and self.dropout:
            x = ops.dropout(x, self.dropout, self.seed_generator)
        return x

    def compute_output_spec(
        self, token_ids: Any, segment_ids: Any = None, training: bool = False
    ) -> Any:
        shape = (*token_ids.shape, self.hidden_dim)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def _table(self, name: str, rows: int) -> keras.Variable:
        return self.add_weight(
            name=name,
            shape=(rows, self.hidden_dim),
            initializer=initializer(self.embeddings_initializer),
        )
