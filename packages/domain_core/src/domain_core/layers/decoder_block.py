"""A block of a language model as one Keras layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from domain_core import ops
from domain_core.layers.key_value_cache import KeyValueCache
from domain_core.layers.projection import bound_norm, like
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class DecoderBlock(RemembersArguments, keras.layers.Layer):
    """Self-attention and feed-forward on a residual stream, each behind a norm.

    The parts are passed in. They run through the functions that their `bind` gives, as
    does the block where text is generated: one path for training, prefill and decoding.

    Args:
        attention: a layer with `bind`, whose function takes `(x, context, training,
            cache)`, such as `SelfAttention`.
        feedforward: a layer with `bind`, whose function takes `(x)`, such as
            `GatedFeedForward`.
        norm: a normalization; each place gets one made as it is.
        norms_after: whether the result of each part is normalized, too, before it is
            added (Gemma 2).
        dropout: share to drop of the result of each part in training.

    Call arguments:
        x: tensor `(B, T, D)`.
        context: what the attention needs; see `DecoderContext`.
        cache: what the block keeps of earlier tokens; see `KeyValueCache`.

    Returns:
        Tensor `(B, T, D)`.
    """

    def __init__(
        self,
        attention: keras.layers.Layer,
        feedforward: keras.layers.Layer,
        *,
        norm: keras.layers.Layer,
        norms_after: bool = False,
        dropout: float = 0.0,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.attention = attention
        self.feedforward = feedforward
        self.norms_after = norms_after
        self.dropout = dropout
        self.seed_generator = keras.random.SeedGenerator()
        self.attention_norm = like(norm, "attention_norm")
        self.feedforward_norm = like(norm, "feedforward_norm")
        if norms_after:
            self.attention_norm_after = like(norm, "attention_norm_after")
            self.feedforward_norm_after = like(norm, "feedforward_norm_after")

    def build(self, x_shape: Any, context_shape: Any = None) -> None:
        self.attention.build(x_shape, context_shape)
        self.feedforward.build(x_shape)
        for norm in self._norms():
            norm.build(x_shape)

    def call(
        self,
        x: Any,
        context: dict[str, Any],
        training: bool = False,
        cache: KeyValueCache | None = None,
    ) -> Any:
        return self.bind()(x, context, training, cache)

    def bind(self) -> Callable[..., Any]:
        """Returns the function that `call` is now; see `projection`."""
        attend, feed = self.attention.bind(), self.feedforward.bind()
        before_attention, before_feed, *after = (
            bound_norm(norm, self.dtype_policy) for norm in self._norms()
        )
        after_attention, after_feed = after or (None, None)
        rate, seed = self.dropout, self.seed_generator

        def join(x: Any, y: Any, after: Any, training: Any) -> Any:
            if after is not None:
                y = after(y)
            if training and rate:
                y = ops.dropout(y, rate, seed)
            return x + y

        def run(
            x: Any, context: dict[str, Any], training: Any = False, cache: Any = None
        ) -> Any:
            y = attend(before_attention(x), context, training, cache)
            x = join(x, y, after_attention, training)
            return join(x, feed(before_feed(x)), after_feed, training)

        return run

    def make_cache(self, batch: int, slots: int, window: int | None) -> KeyValueCache:
        """Returns an empty cache; see `SelfAttention.make_cache`."""
        return self.attention.make_cache(batch, slots, window)

    def compute_output_spec(
        self, x: Any, context: dict[str, Any], training: bool = False, cache: Any = None
    ) -> Any:
        return keras.KerasTensor(x.shape, dtype=self.compute_dtype)

    def _norms(self) -> list[keras.layers.Layer]:
        norms = [self.attention_norm, self.feedforward_norm]
        if self.norms_after:
            norms += [self.attention_norm_after, self.feedforward_norm_after]
        return norms
