"""Keras' multi-head attention, with a cache of keys and values."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.layers.attention_cache import through_cache
from domain_core.layers.attention_mask import attention_bias, merge_masks
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import config_value, layer_config, serializable

_KINDS: dict[str, Any] = {
    "initializer": keras.initializers,
    "regularizer": keras.regularizers,
    "constraint": keras.constraints,
}


@serializable("domain_core")
class CachedMultiHeadAttention(RemembersArguments, keras.layers.MultiHeadAttention):
    """`keras.layers.MultiHeadAttention` whose keys and values may live in a cache.

    Without a cache it is Keras' layer. With a cache and an update index, keys and
    values of this call are written into the cache from that position on, and all of
    the cache is attended to: mask what is not filled yet. With a cache alone, the
    cache is only read, as for cross-attention in a step of a decoder.

    Args:
        num_heads: number of heads `H`.
        key_dim: width `h` of a head of queries and keys.
        value_dim: width of a head of values; None for `key_dim`.
        dropout: share of the attention probabilities to drop in training.
        use_bias: whether projections have a bias.
        output_shape: width of the output; None for that of the query.
        attention_axes: axes to attend over; None for all but batch and features.
        sliding_window: how many keys back and ahead a query sees; None for all.
        flash_attention: whether to insist on (True) or avoid (False) flash attention.
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.
        kernel_regularizer: a Keras regularizer.
        bias_regularizer: a Keras regularizer.
        activity_regularizer: a Keras regularizer.
        kernel_constraint: a Keras constraint.
        bias_constraint: a Keras constraint.
        use_gate: whether a gate, made of the query, scales the result.
        seed: of dropout.

    Call arguments:
        query: tensor `(B, T, D)`.
        value: tensor `(B, S, D)`.
        key: tensor `(B, S, D)`; None for `value`.
        attention_mask: bool or int `(B, T, S)`, or `(T, S)` for all samples, or `(B,
            num_heads, T, S)`; nonzero where a query may attend to a key. With a cache,
            `S` is its length.
        cache: tensor `(B, 2, S, H, h)`, keys and values.
        cache_update_index: int or int tensor, the place in the cache.
        training: whether to drop.
        return_attention_scores: whether to return probabilities too; not with a cache.

    Returns:
        Tensor `(B, T, D)`; with a cache, a tuple of it and the cache.

    Raises:
        ValueError: if a cache comes with an option that it can't be combined with.

    Example:
        >>> attention = domain_core.layers.CachedMultiHeadAttention(4, key_dim=8)
        >>> x, cache = np.ones((2, 1, 32)), np.zeros((2, 2, 10, 4, 8))
        >>> y, cache = attention(x, x, cache=cache, cache_update_index=0)
        >>> tuple(y.shape), tuple(cache.shape)
        ((2, 1, 32), (2, 2, 10, 4, 8))
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        value_dim: int | None = None,
        dropout: float = 0.0,
        use_bias: bool = True,
        output_shape: Any = None,
        attention_axes: Any = None,
        sliding_window: int | None = None,
        flash_attention: bool | None = None,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        use_gate: bool = False,
        seed: int | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(**self.arguments)
        self.supports_masking = True
        self._seed_of_cache = keras.random.SeedGenerator(seed)

    def call(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        attention_mask: Any = None,
        cache: Any = None,
        cache_update_index: Any = None,
        training: bool | None = None,
        *,
        return_attention_scores: bool = False,
        query_mask: Any = None,
        value_mask: Any = None,
        key_mask: Any = None,
    ) -> Any:
        if cache is None:
            return super().call(
                query,
                value,
                key=key,
                query_mask=query_mask,
                value_mask=value_mask,
                key_mask=key_mask,
                attention_mask=attention_mask,
                return_attention_scores=return_attention_scores,
                training=training,
            )
        self._check(query, return_attention_scores)
        keys, values, cache = through_cache(
            lambda: (
                self.key_dense(value if key is None else key),
                self.value_dense(value),
            ),
            cache,
            cache_update_index,
        )
        mask = merge_masks(None, attention_mask, query.shape[1], keys.shape[1])
        mixed = ops.attention(
            self.query_dense(query),
            keys,
            values,
            attention_bias(mask, self.compute_dtype),
            dropout=self.dropout if training else 0.0,
            seed=self._seed_of_cache,
        )  # (B, T, H, h)
        return self.output_dense(mixed), cache

    def compute_output_spec(
        self,
        query: Any,
        value: Any,
        key: Any = None,
        attention_mask: Any = None,
        cache: Any = None,
        cache_update_index: Any = None,
        training: bool | None = None,
        *,
        return_attention_scores: bool = False,
        **_: Any,
    ) -> Any:
        if cache is not None:
            self._check(query, return_attention_scores)
        spec = super().compute_output_spec(
            query, value, key=key, return_attention_scores=return_attention_scores
        )
        if cache is None:
            return spec
        return spec, keras.KerasTensor(cache.shape, cache.dtype)

    def get_config(self) -> dict[str, Any]:
        # As they were passed: Keras keeps what it makes of them.
        given = {
            name: config_value(_as_object(name, value))
            for name, value in self.arguments.items()
        }
        return given | layer_config(self)

    def _check(self, query: Any, return_attention_scores: bool) -> None:
        given = {
            "value_dim": self.arguments["value_dim"] not in (None, self.key_dim),
            "sliding_window": self.arguments["sliding_window"] is not None,
            "use_gate": self.arguments["use_gate"],
            "return_attention_scores": return_attention_scores,
        }
        names = [f"`{name}`" for name, is_given in given.items() if is_given]
        if names:
            raise ValueError(
                f"Expected no {' or '.join(names)} together with a cache. Leave out "
                "one of them."
            )
        if len(query.shape) != 3:
            raise ValueError(
                "Expected a query of the shape (batch, positions, width) beside a "
                f"cache, received {tuple(query.shape)}."
            )


def _as_object(name: str, value: Any) -> Any:
    """Returns an argument, or the object of Keras' that it names."""
    kind = _KINDS.get(name.rpartition("_")[2])
    return value if kind is None else kind.get(value)
