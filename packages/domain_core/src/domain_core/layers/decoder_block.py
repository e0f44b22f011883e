"""A block of a language model as one Keras layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras

from domain_core import ops
from domain_core.layers.attention import CrossAttention
from domain_core.layers.key_value_cache import KeyValueCache
from domain_core.layers.projection import bound_norm, like
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class DecoderBlock(RemembersArguments, keras.layers.Layer):
    """Attention and feed-forward on a residual stream, each behind a norm.

    Without `cross_attention`, in the context of an `AttentionContext`, it is a block of
    the encoder that such a decoder attends to.

    The parts are passed in. They run through the functions that their `bind` gives, as
    does the block where text is generated: one path for training, prefill and decoding.

    Args:
        attention: a layer with `bind`, whose function takes `(x, context, training,
            cache)`, such as `SelfAttention`.
        feedforward: a layer with `bind`, whose function takes `(x)`, such as
            `GatedFeedForward`.
        cross_attention: a `CrossAttention` between the two, or None.
        norm: a normalization; each place gets one made as it is.
        norms_after: whether the result of each part is normalized, too, before it is
            added (Gemma 2).
        normalize_first: whether norms come before the parts; if not, one normalizes the
            sum after each (BART).
        dropout: share to drop of the result of each part in training.

    Call arguments:
        x: tensor `(B, T, D)`.
        context: what the attention needs; see `DecoderContext`, and `CrossAttention`
            for "source".
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
        cross_attention: CrossAttention | None = None,
        norms_after: bool = False,
        normalize_first: bool = True,
        dropout: float = 0.0,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.attention = attention
        self.feedforward = feedforward
        self.cross_attention = cross_attention
        self.norms_after = norms_after
        self.normalize_first = normalize_first
        self.dropout = dropout
        self.seed_generator = keras.random.SeedGenerator()
        self.attention_norm = like(norm, "attention_norm")
        self.feedforward_norm = like(norm, "feedforward_norm")
        if cross_attention is not None:
            self.cross_attention_norm = like(norm, "cross_attention_norm")
        if norms_after:
            self.attention_norm_after = like(norm, "attention_norm_after")
            self.feedforward_norm_after = like(norm, "feedforward_norm_after")

    def build(self, x_shape: Any, context_shape: Any = None) -> None:
        self.attention.build(x_shape, context_shape)
        self.feedforward.build(x_shape)
        if self.cross_attention is not None:
            self.cross_attention.build(x_shape, x_shape)
            self.cross_attention_norm.build(x_shape)
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
        attention_norm, feed_norm, *after = (
            bound_norm(norm, self.dtype_policy) for norm in self._norms()
        )
        after_attention, after_feed = after or (None, None)
        cross: Any = None
        if self.cross_attention is not None:
            cross = self.cross_attention.bind()
            cross_norm = bound_norm(self.cross_attention_norm, self.dtype_policy)
        rate, seed, first = self.dropout, self.seed_generator, self.normalize_first

        def enter(x: Any, norm: Any) -> Any:
            return norm(x) if first else x

        def join(x: Any, y: Any, norm: Any, after: Any, training: Any) -> Any:
            if after is not None:
                y = after(y)
            if training and rate:
                y = ops.dropout(y, rate, seed)
            return x + y if first else norm(x + y)

        def run(
            x: Any, context: dict[str, Any], training: Any = False, cache: Any = None
        ) -> Any:
            y = attend(enter(x, attention_norm), context, training, cache)
            x = join(x, y, attention_norm, after_attention, training)
            if cross is not None:
                y = cross(enter(x, cross_norm), context, training)
                x = join(x, y, cross_norm, None, training)
            y = feed(enter(x, feed_norm))
            return join(x, y, feed_norm, after_feed, training)

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
