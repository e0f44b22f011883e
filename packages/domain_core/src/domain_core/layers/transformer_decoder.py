"""A transformer decoder block with masks and caches as arguments."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.arguments import as_positive_int, as_rate
from domain_core.layers.attention import Attention, CrossAttention, SelfAttention
from domain_core.layers.attention_cache import through_cache
from domain_core.layers.attention_mask import attention_bias, causal_mask, merge_masks
from domain_core.layers.feed_forward import FeedForward
from domain_core.layers.residual import enter, leave
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class TransformerDecoder(RemembersArguments, keras.layers.Layer):
    """Causal self-attention, cross-attention if there is an encoder, feed-forward.

    Each part has dropout, residual and norm. Whether there is cross-attention is
    settled by the first call: with an `encoder_sequence` or without.

    To decode step by step, pass the keys and values of all positions, `(B, 2, S, H,
    h)`, zeros at first, as `self_attention_cache`, and as its update index the position
    of the first of `decoder_sequence`; pass on what comes back. The cache of the
    cross-attention is written if it has an update index, and only read otherwise: the
    encoder's keys and values then cost nothing more. With a cache, masks of the decoder
    are about its `S` positions.

    Args:
        intermediate_dim: width inside the feed-forward part.
        num_heads: number of heads `H`; divides the width `D` of the decoder's input.
        dropout: share to drop of attention probabilities and after each part, in
            `[0, 1)`.
        activation: of the feed-forward part; "gelu" is the exact form.
        layer_norm_epsilon: added to variances.
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.
        normalize_first: norm before each part (pre-norm) instead of after it.

    Call arguments:
        decoder_sequence: tensor `(B, T, D)`.
        encoder_sequence: tensor `(B, S, E)`.
        decoder_padding_mask: bool or int `(B, T)`, nonzero for real positions; without
            one, the Keras mask of `decoder_sequence` counts.
        decoder_attention_mask: bool or int `(B, T, T)`, or `(T, T)` for all samples, or
            `(B, num_heads, T, T)`; nonzero where a position (last axis but one) may
            attend to another (last).
        encoder_padding_mask: the same as the decoder's, `(B, S)`.
        encoder_attention_mask: the same as the decoder's, `(B, T, S)`.
        self_attention_cache: tensor `(B, 2, S, H, h)`.
        self_attention_cache_update_index: int or int tensor.
        cross_attention_cache: tensor `(B, 2, S, H, h)`.
        cross_attention_cache_update_index: int or int tensor.
        use_causal_mask: whether a position sees none that comes later.
        training: whether to drop.

    Returns:
        Tensor `(B, T, D)`; with caches a tuple of it and the caches.

    Raises:
        ValueError: if a size is no positive integer, `dropout` not in `[0, 1)`, a mask
            has another rank, or one of two caches is missing.

    Reference:
        Vaswani et al., Attention Is All You Need, 2017.

    Example:
        >>> decoder = domain_core.layers.TransformerDecoder(64, num_heads=4)
        >>> x = np.random.normal(size=(2, 5, 32)).astype("float32")
        >>> tuple(decoder(x, encoder_sequence=x[:, :3]).shape)
        (2, 5, 32)
    """

    def __init__(
        self,
        intermediate_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        activation: Any = "relu",
        layer_norm_epsilon: float = 1e-5,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        normalize_first: bool = False,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.intermediate_dim = as_positive_int("intermediate_dim", intermediate_dim)
        self.num_heads = as_positive_int("num_heads", num_heads)
        self.dropout = as_rate("dropout", dropout)
        self.activation = activation
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.normalize_first = normalize_first
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator()
        self.self_attention = SelfAttention(
            self.num_heads,
            dropout=self.dropout,
            name="self_attention",
            **self._shared(),
        )
        self.self_attention_norm = self._norm("self_attention_norm")
        self.cross_attention: CrossAttention | None = None
        self.feedforward = FeedForward(
            self.intermediate_dim, activation, name="feedforward", **self._shared()
        )
        self.feedforward_norm = self._norm("feedforward_norm")

    def build(
        self, decoder_sequence_shape: Any, encoder_sequence_shape: Any = None
    ) -> None:
        shape = decoder_sequence_shape
        self.self_attention.build(shape)
        self.self_attention_norm.build(shape)
        if encoder_sequence_shape is not None:
            self.cross_attention = CrossAttention(
                self.num_heads,
                dropout=self.dropout,
                name="cross_attention",
                **self._shared(),
            )
            self.cross_attention.build(shape, encoder_sequence_shape)
            self.cross_attention_norm = self._norm("cross_attention_norm")
            self.cross_attention_norm.build(shape)
        self.feedforward.build(shape)
        self.feedforward_norm.build(shape)

    def call(
        self,
        decoder_sequence: Any,
        encoder_sequence: Any = None,
        decoder_padding_mask: Any = None,
        decoder_attention_mask: Any = None,
        encoder_padding_mask: Any = None,
        encoder_attention_mask: Any = None,
        self_attention_cache: Any = None,
        self_attention_cache_update_index: Any = None,
        cross_attention_cache: Any = None,
        cross_attention_cache_update_index: Any = None,
        use_causal_mask: bool = True,
        training: bool | None = None,
        *,
        mask: Any = None,
        decoder_sequence_mask: Any = None,
        encoder_sequence_mask: Any = None,
    ) -> Any:
        cache, index = self_attention_cache, self_attention_cache_update_index
        to_cross, cross_index = (
            cross_attention_cache,
            cross_attention_cache_update_index,
        )
        self._check_caches(cache, index, to_cross)
        self._check_encoder(encoder_sequence, to_cross, cross_index)
        # Keras hands over the mask of the input as `mask` if that is the only tensor.
        # In a step with a cache it is not about the positions of the cache.
        if decoder_padding_mask is None and cache is None:
            decoder_padding_mask = (
                mask if decoder_sequence_mask is None else decoder_sequence_mask
            )
        if encoder_padding_mask is None:
            encoder_padding_mask = encoder_sequence_mask
        masks = (decoder_padding_mask, decoder_attention_mask)

        norm = self.self_attention_norm
        y = enter(self, decoder_sequence, norm)
        y, cache = self._attend(
            self.self_attention, y, y, masks, use_causal_mask, cache, index, training
        )
        x = leave(self, decoder_sequence, y, norm, training)
        if self.cross_attention is not None:
            masks = (encoder_padding_mask, encoder_attention_mask)
            norm = self.cross_attention_norm
            y, to_cross = self._attend(
                self.cross_attention,
                enter(self, x, norm),
                encoder_sequence,
                masks,
                False,
                to_cross,
                cross_index,
                training,
            )
            x = leave(self, x, y, norm, training)
        norm = self.feedforward_norm
        y = self.feedforward.call(enter(self, x, norm))
        return _with_caches(leave(self, x, y, norm, training), cache, to_cross)

    def compute_output_shape(
        self, decoder_sequence_shape: Any, encoder_sequence_shape: Any = None
    ) -> Any:
        return decoder_sequence_shape

    def compute_output_spec(
        self,
        decoder_sequence: Any,
        encoder_sequence: Any = None,
        decoder_padding_mask: Any = None,
        decoder_attention_mask: Any = None,
        encoder_padding_mask: Any = None,
        encoder_attention_mask: Any = None,
        self_attention_cache: Any = None,
        self_attention_cache_update_index: Any = None,
        cross_attention_cache: Any = None,
        cross_attention_cache_update_index: Any = None,
        **_: Any,
    ) -> Any:
        cache, index = self_attention_cache, self_attention_cache_update_index
        to_cross, cross_index = (
            cross_attention_cache,
            cross_attention_cache_update_index,
        )
        self._check_caches(cache, index, to_cross)
        self._check_encoder(encoder_sequence, to_cross, cross_index)
        x = keras.KerasTensor(decoder_sequence.shape, dtype=self.compute_dtype)
        caches = (
            None if tensor is None else keras.KerasTensor(tensor.shape, tensor.dtype)
            for tensor in (cache, to_cross)
        )
        return _with_caches(x, *caches)

    def _shared(self) -> dict[str, Any]:
        return {
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
            "dtype": self.dtype_policy,
        }

    def _norm(self, name: str) -> keras.layers.LayerNormalization:
        return keras.layers.LayerNormalization(
            epsilon=self.layer_norm_epsilon, dtype=self.dtype_policy, name=name
        )

    def _check_caches(self, cache: Any, index: Any, to_cross: Any) -> None:
        if cache is not None and index is None:
            raise ValueError(
                "Expected `self_attention_cache_update_index`, the position of the "
                "first of `decoder_sequence`, beside a `self_attention_cache`; "
                "received None."
            )
        has_cross = self.cross_attention is not None
        if (to_cross is not None) != (has_cross and cache is not None):
            raise ValueError(
                "Expected both or neither of `self_attention_cache` and "
                "`cross_attention_cache` where there is cross-attention, and no "
                "`cross_attention_cache` where there is none; received "
                f"{'the first' if to_cross is None else 'the second'} alone."
            )

    def _check_encoder(self, encoder_sequence: Any, to_cross: Any, index: Any) -> None:
        has_cross = self.cross_attention is not None
        if (
            encoder_sequence is None
            and has_cross
            and (to_cross is None or index is not None)
        ):
            raise ValueError(
                "Expected an `encoder_sequence`, which the first call of this "
                f"{type(self).__name__} had; received none. Pass it, or a filled "
                "`cross_attention_cache` without an update index."
            )
        if encoder_sequence is not None and not has_cross:
            raise ValueError(
                "Expected no `encoder_sequence`, as in the first call of this "
                f"{type(self).__name__}. Make another layer, and call it with an "
                "`encoder_sequence` from the start."
            )

    def _attend(
        self,
        attention: Attention,
        x: Any,
        source: Any,
        masks: tuple[Any, Any],
        causal: bool,
        cache: Any,
        index: Any,
        training: Any,
    ) -> tuple[Any, Any]:
        """Returns what `x` sees in `source` and in the cache, and the cache."""
        key, value, cache = through_cache(
            lambda: attention.keys_and_values(source), cache, index
        )
        mask = merge_masks(*masks, x.shape[1], key.shape[1])
        if causal:
            length, size = (keras.ops.shape(tensor)[1] for tensor in (x, key))
            earlier = causal_mask(length, size, 0 if cache is None else index)
            mask = earlier if mask is None else keras.ops.logical_and(mask, earlier)
        bias = attention_bias(mask, self.compute_dtype)
        return attention.attend(x, key, value, bias, training), cache


def _with_caches(x: Any, *caches: Any) -> Any:
    given = tuple(cache for cache in caches if cache is not None)
    return (x, *given) if given else x
