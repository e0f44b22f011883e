"""What a distance between two tokens adds to the scores of attention."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from domain_core import ops
from domain_core.layers.projection import tensor
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from domain_core.weights.initialization import initializer


@serializable("domain_core")
class RelativePositions(RemembersArguments, keras.layers.Layer):
    """A learned number per head for each of some distances, near ones told apart.

    Half of the buckets are for one distance each, from 0 on; the others for ranges that
    grow logarithmically, the last one for all from `max_distance` on.

    Args:
        num_heads: number of heads `H`.
        num_buckets: number of distances that are told apart, 2 or more.
        max_distance: from which on all are the same.
        is_bidirectional: whether half of the buckets are for keys behind the query; if
            not, these count as distance 0.

    Call arguments:
        queries: places of queries, int `(T,)`.
        keys: places of keys, int `(S,)`.

    Returns:
        Tensor `(1, H, T, S)`.

    Reference:
        Raffel et al., Exploring the Limits of Transfer Learning with a Unified
        Text-to-Text Transformer, 2020.
    """

    def __init__(
        self,
        num_heads: int,
        *,
        num_buckets: int = 32,
        max_distance: int = 128,
        is_bidirectional: bool = False,
        embeddings_initializer: Any = "uniform",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        least = 4 if is_bidirectional else 2
        if num_buckets < least or max_distance <= num_buckets // least:
            raise ValueError(
                f"Expected at least {least} buckets, and a longest distance beyond "
                f"those that are told apart, received num_buckets={num_buckets} and "
                f"max_distance={max_distance}."
            )
        self.num_heads = num_heads
        self.num_buckets = num_buckets
        self.max_distance = max_distance
        self.is_bidirectional = is_bidirectional
        self.embeddings_initializer = keras.initializers.get(embeddings_initializer)
        # Of the distances from key to query -max_distance, ..., max_distance.
        self._buckets = self._bucket_of(np.arange(-max_distance, max_distance + 1))

    def build(self, *_: Any) -> None:
        self.embeddings = self.add_weight(
            name="embeddings",
            shape=(self.num_buckets, self.num_heads),
            initializer=initializer(self.embeddings_initializer),
        )

    def call(self, queries: Any, keys: Any) -> Any:
        ahead = keys[None, :] - queries[:, None]  # (T, S)
        ahead = keras.ops.clip(ahead, -self.max_distance, self.max_distance)
        bias = ops.take_rows(self._by_distance(), ahead + self.max_distance)
        return keras.ops.transpose(bias, (2, 0, 1))[None]

    def before(self, length: int) -> Any:
        """Returns the bias of the last of `length` places over all, `(1, H, 1, T)`.

        That of the last but `n` is what is left without the first `n`.
        """
        places = keras.ops.arange(length, dtype="int32")
        return self.call(places[-1:], places)

    def compute_output_spec(self, queries: Any, keys: Any) -> Any:
        shape = (1, self.num_heads, *queries.shape, *keys.shape)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def _by_distance(self) -> Any:
        """Returns the bias by distance, `(2 * max_distance + 1, H)`."""
        table = tensor(self.embeddings, self.dtype_policy)
        return ops.take_rows(table, keras.ops.convert_to_tensor(self._buckets))

    def _bucket_of(self, ahead: np.ndarray) -> np.ndarray:
        """Returns the buckets of distances from query to key, int32."""
        number, first = self.num_buckets, np.zeros_like(ahead)
        if self.is_bidirectional:
            number //= 2
            first = np.where(ahead > 0, number, 0)
            distance = np.abs(ahead)
        else:
            distance = np.maximum(-ahead, 0)
        exact = number // 2
        # In float32, as the original: at some powers of 2 it decides.
        ratio = np.log(np.maximum(distance, 1).astype("float32") / np.float32(exact))
        share = ratio / np.float32(math.log(self.max_distance / exact))
        far = exact + (share * np.float32(number - exact)).astype("int32")
        found = np.where(distance < exact, distance, np.minimum(far, number - 1))
        return (first + found).astype("int32")
