"""The embedding of a decoder: tokens in, and scores of tokens out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from domain_core import ops
from domain_core.layers.position_indices import position_indices
from domain_core.layers.projection import (
    bound_embedding,
    bound_norm,
    bound_scores,
    like,
    tensor,
)
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from domain_core.weights.initialization import initializer


@serializable("domain_core")
class DecoderEmbedding(RemembersArguments, keras.layers.Layer):
    """Embeds tokens, and their positions where a model learns them.

    Args:
        vocabulary_size: number of token ids.
        hidden_dim: width `D` of the embeddings.
        sequence_length: number of learned positions; 0 for none.
        scale: factor of the embedded tokens.
        dropout: share of the sum to drop in training.
        tie_weights: whether the output is projected by the same table.
        logit_soft_cap: bends the output's scores so that none is beyond it; or None.
        norm: a normalization of the sum, made as it is; or None.
        score_scale: factor of the features before they are projected to scores.
        score_bias: whether a number for each token is added to its score; it does not
            train.
        shared_with: another `DecoderEmbedding`, whose table of tokens it has; or None.
        embeddings_initializer: a Keras initializer.

    Call arguments:
        token_ids: int `(B, T)`; or with `reverse` features `(B, T, D)`.
        context: of `DecoderContext`, for the positions; those from 0 on if it has none.
        reverse: whether to make scores of features.

    Returns:
        Tensor `(B, T, D)`; or scores `(B, T, V)`.
    """

    def __init__(
        self,
        vocabulary_size: int,
        hidden_dim: int,
        *,
        sequence_length: int = 0,
        scale: float = 1.0,
        dropout: float = 0.0,
        tie_weights: bool = True,
        logit_soft_cap: float | None = None,
        norm: keras.Layer | None = None,
        score_scale: float = 1.0,
        score_bias: bool = False,
        shared_with: DecoderEmbedding | None = None,
        embeddings_initializer: Any = "uniform",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.vocabulary_size = vocabulary_size
        self.hidden_dim = hidden_dim
        self.sequence_length = sequence_length
        self.scale = scale
        self.dropout = dropout
        self.tie_weights = tie_weights
        self.logit_soft_cap = logit_soft_cap
        self.norm = None if norm is None else like(norm, "norm")
        self.score_scale = score_scale
        self.score_bias = score_bias
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        self.seed_generator = keras.random.SeedGenerator()
        self.token_embedding: keras.layers.ReversibleEmbedding
        if shared_with is not None:
            self.token_embedding = shared_with.token_embedding
        else:
            self.token_embedding = keras.layers.ReversibleEmbedding(
                vocabulary_size,
                hidden_dim,
                tie_weights=tie_weights,
                embeddings_initializer=initializer(self.embeddings_initializer),
                logit_soft_cap=logit_soft_cap,
                dtype=self.dtype_policy,
                name="token_embedding",
            )

    def build(self, token_ids_shape: Any, context_shape: Any = None) -> None:
        if not self.token_embedding.built:
            self.token_embedding.build(token_ids_shape)
        if self.norm is not None:
            self.norm.build((None, None, self.hidden_dim))
        if self.score_bias:
            self.output_bias = self.add_weight(
                name="output_bias",
                shape=(self.vocabulary_size,),
                initializer="zeros",
                trainable=False,
            )
        if self.sequence_length:
            self.positions = self.add_weight(
                name="positions",
                shape=(self.sequence_length, self.hidden_dim),
                initializer=initializer(self.embeddings_initializer),
            )

    def call(
        self,
        token_ids: Any,
        context: dict[str, Any] | None = None,
        training: bool = False,
        reverse: bool = False,
    ) -> Any:
        if reverse:
            return self.bind_scores()(token_ids)
        length = keras.ops.shape(token_ids)[1]
        if isinstance(length, int) and length > (self.sequence_length or length):
            raise ValueError(
                f"Expected token ids of at most {self.sequence_length} positions, "
                f"received {length}. Truncate the texts (`sequence_length` of the "
                "preprocessor) or build the model with more positions."
            )
        return self.bind()(token_ids, context, training)

    def bind(self) -> Callable[..., Any]:
        """Returns the function that `call` is now; see `projection`."""
        policy, rate, seed = self.dtype_policy, self.dropout, self.seed_generator
        look_up = bound_embedding(self.token_embedding, policy)
        table = tensor(self.positions, policy) if self.sequence_length else None
        # In the dtype of the model, as the originals have it.
        factor = keras.ops.cast(self.scale, self.compute_dtype)
        is_scaled = self.scale != 1
        norm = None if self.norm is None else bound_norm(self.norm, policy)

        def embed(
            token_ids: Any, context: dict[str, Any] | None, training: Any = False
        ) -> Any:
            x = look_up(token_ids)
            if is_scaled:
                x = x * factor
            if table is not None:
                places = (context or {}).get("positions")
                if places is None:
                    places = position_indices(keras.ops.shape(token_ids)[1])
                x = x + ops.take_rows(table, places)
            if norm is not None:
                x = norm(x)
            return ops.dropout(x, rate, seed) if training and rate else x

        return embed

    def bind_scores(self) -> Callable[[Any], Any]:
        """Returns the function from features `(..., D)` to scores `(..., V)`."""
        scores = bound_scores(self.token_embedding, self.dtype_policy)
        factor, is_scaled = self.score_scale, self.score_scale != 1
        bias = tensor(self.output_bias, self.dtype_policy) if self.score_bias else None
        if not is_scaled and bias is None:
            return scores

        def scaled(x: Any) -> Any:
            y = scores(x * factor if is_scaled else x)
            return y if bias is None else y + bias

        return scaled

    def compute_output_spec(
        self,
        token_ids: Any,
        context: dict[str, Any] | None = None,
        training: bool = False,
        reverse: bool = False,
    ) -> Any:
        shape = (*token_ids.shape, self.hidden_dim)
        if reverse:
            shape = (*token_ids.shape[:-1], self.vocabulary_size)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)
