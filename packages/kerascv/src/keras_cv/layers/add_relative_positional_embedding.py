"""What distances within a map add to scores of attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from domain_core.arguments import as_positive_int, as_size
from domain_core.layers.projection import tensor
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.layers.map_attention import add_distances, distances, position_bias


@serializable("kerascv")
class AddRelativePositionalEmbedding(RemembersArguments, keras.layers.Layer):
    """Adds what a query gives with the learned vectors of its distances to keys.

    There is a vector for the distance in rows, and one for that in columns, as in
    `MapAttention`, which need not hold the scores of all heads for it.

    Args:
        input_size: height and width of the maps that vectors are made for. For others
            they are interpolated.
        key_dim: width `d` of queries.

    Call arguments:
        attention_map: scores `(B, h * w, h * w)`.
        queries: tensor `(B, h * w, d)`.
        query_size: height and width of the map of queries, `(h, w)`, passed by name.
        key_size: that of keys, which is the same; by name, too.

    Returns:
        Tensor of the shape of `attention_map`.

    Raises:
        ValueError: if queries and keys are not of one map.

    Example:
        >>> layer = keras_cv.layers.AddRelativePositionalEmbedding((2, 3), 4)
        >>> scores, queries = np.zeros((1, 6, 6)), np.zeros((1, 6, 4))
        >>> tuple(layer(scores, queries, query_size=(2, 3), key_size=(2, 3)).shape)
        (1, 6, 6)
    """

    def __init__(
        self,
        input_size: Sequence[int],
        key_dim: int,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.input_size = as_size("input_size", input_size)
        self.key_dim = as_positive_int("key_dim", key_dim)

    def build(self, *_: Any, **__: Any) -> None:
        self.row_positions, self.column_positions = add_distances(
            self, self.input_size, self.key_dim
        )

    def call(
        self,
        attention_map: Any,
        queries: Any,
        query_size: Sequence[int],
        key_size: Sequence[int],
    ) -> Any:
        if tuple(query_size) != tuple(key_size):
            raise ValueError(
                "Expected queries and keys of one map, received `query_size` "
                f"{tuple(query_size)} and `key_size` {tuple(key_size)}."
            )
        tables = (
            distances(tensor(table, self.dtype_policy), size)
            for table, size in zip(
                (self.row_positions, self.column_positions), query_size, strict=True
            )
        )
        return attention_map + position_bias(queries[:, :, None], *tables)[:, 0]

    def compute_output_spec(
        self, attention_map: Any, queries: Any, query_size: Any, key_size: Any
    ) -> Any:
        return keras.KerasTensor(attention_map.shape, dtype=self.compute_dtype)
