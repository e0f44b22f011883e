"""A transformer encoder block with masks as arguments."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.arguments import as_positive_int, as_rate
from domain_core.layers.attention import SelfAttention
from domain_core.layers.attention_mask import attention_bias, merge_masks
from domain_core.layers.encoder_block import EncoderBlock
from domain_core.layers.feed_forward import FeedForward
from domain_core.layers.residual import enter
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class TransformerEncoder(RemembersArguments, keras.layers.Layer):
    """Self-attention and feed-forward, each with dropout, residual and norm.

    Padding comes as `padding_mask` or, without one, as the Keras mask of the input
    (`mask_zero=True` of an embedding). A position that may attend to nothing attends
    evenly.

    Args:
        intermediate_dim: width inside the feed-forward part.
        num_heads: number of heads `H`; divides the width `D` of the input.
        dropout: share to drop of attention probabilities and after each part, in
            `[0, 1)`.
        activation: of the feed-forward part; "gelu" is the exact form.
        layer_norm_epsilon: added to variances.
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.
        normalize_first: norm before each part (pre-norm) instead of after it.

    Call arguments:
        inputs: tensor `(B, T, D)`.
        padding_mask: bool or int `(B, T)`, nonzero for real positions.
        attention_mask: bool or int `(B, T, T)`, or `(T, T)` for all samples, or `(B,
            num_heads, T, T)`; nonzero where a position (last axis but one) may attend
            to another (last).
        training: whether to drop.
        return_attention_scores: whether to return probabilities too.

    Returns:
        Tensor `(B, T, D)`; with `return_attention_scores` also the attention
        probabilities `(B, H, T, T)`.

    Raises:
        ValueError: if a size is no positive integer, `dropout` not in `[0, 1)`, or a
            mask has another rank.

    Reference:
        Vaswani et al., Attention Is All You Need, 2017.

    Example:
        >>> encoder = domain_core.layers.TransformerEncoder(64, num_heads=4)
        >>> x = np.random.normal(size=(2, 5, 32)).astype("float32")
        >>> tuple(encoder(x, padding_mask=np.ones((2, 5), bool)).shape)
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
        shared = {
            "kernel_initializer": self.kernel_initializer,
            "bias_initializer": self.bias_initializer,
            "dtype": self.dtype_policy,
        }
        self.block = EncoderBlock(
            SelfAttention(
                self.num_heads, dropout=self.dropout, name="attention", **shared
            ),
            FeedForward(
                self.intermediate_dim, activation, name="feedforward", **shared
            ),
            dropout=self.dropout,
            layer_norm_epsilon=layer_norm_epsilon,
            normalize_first=normalize_first,
            dtype=self.dtype_policy,
            name="block",
        )

    def build(self, inputs_shape: Any) -> None:
        self.block.build(inputs_shape)

    def call(
        self,
        inputs: Any,
        padding_mask: Any = None,
        attention_mask: Any = None,
        training: bool | None = None,
        *,
        return_attention_scores: bool = False,
        mask: Any = None,
        inputs_mask: Any = None,
    ) -> Any:
        # Keras hands over the mask of the input as `mask` if that is the only tensor,
        # else as `inputs_mask`.
        for given in (mask, inputs_mask):
            padding_mask = given if padding_mask is None else padding_mask
        merged = merge_masks(
            padding_mask, attention_mask, inputs.shape[1], inputs.shape[1]
        )
        bias = attention_bias(merged, self.compute_dtype)
        x = self.block.call(inputs, {"attention_bias": bias}, bool(training))
        if not return_attention_scores:
            return x
        y = enter(self.block, inputs, self.block.attention_norm)
        return x, self.block.attention.probabilities(y, bias)

    def compute_output_shape(self, inputs_shape: Any) -> Any:
        return inputs_shape

    def compute_output_spec(
        self, inputs: Any, *masks: Any, return_attention_scores: bool = False, **_: Any
    ) -> Any:
        x = keras.KerasTensor(inputs.shape, dtype=self.compute_dtype)
        if not return_attention_scores:
            return x
        batch, time, _width = inputs.shape
        shape = (batch, self.num_heads, time, time)
        return x, keras.KerasTensor(shape, dtype=self.compute_dtype)
