"""An encoder block that mixes tokens by a Fourier transform."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.arguments import as_positive_int, as_rate
from domain_core.layers.feed_forward import FeedForward
from domain_core.layers.projection import normalize
from domain_core.layers.residual import leave
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class FNetEncoder(RemembersArguments, keras.layers.Layer):
    """Fourier transform and feed-forward, each with residual and norm.

    Tokens are mixed by the real part of a transform over positions and features, in
    float32. It knows no padding: what stands in padded positions reaches the others.

    Args:
        intermediate_dim: width inside the feed-forward part.
        dropout: share to drop after the feed-forward part, in `[0, 1)`.
        activation: of the feed-forward part; "gelu" is the exact form.
        layer_norm_epsilon: added to variances.
        kernel_initializer: a Keras initializer.
        bias_initializer: a Keras initializer.

    Call arguments:
        inputs: tensor `(B, T, D)`.
        training: whether to drop.

    Returns:
        Tensor `(B, T, D)`.

    Raises:
        ValueError: if `intermediate_dim` is no positive integer, or `dropout` not in
            `[0, 1)`.

    Reference:
        Lee-Thorp et al., FNet: Mixing Tokens with Fourier Transforms, 2021.

    Example:
        >>> x = np.random.normal(size=(2, 5, 16)).astype("float32")
        >>> tuple(domain_core.layers.FNetEncoder(intermediate_dim=32)(x).shape)
        (2, 5, 16)
    """

    def __init__(
        self,
        intermediate_dim: int,
        dropout: float = 0.0,
        activation: Any = "relu",
        layer_norm_epsilon: float = 1e-5,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.intermediate_dim = as_positive_int("intermediate_dim", intermediate_dim)
        self.dropout = as_rate("dropout", dropout)
        self.activation = activation
        self.layer_norm_epsilon = layer_norm_epsilon
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.normalize_first = False
        self.supports_masking = True
        self.seed_generator = keras.random.SeedGenerator()
        self.feedforward = FeedForward(
            self.intermediate_dim,
            activation,
            kernel_initializer=self.kernel_initializer,
            bias_initializer=self.bias_initializer,
            dtype=self.dtype_policy,
            name="feedforward",
        )
        self.mixing_norm, self.feedforward_norm = (
            keras.layers.LayerNormalization(
                epsilon=layer_norm_epsilon, dtype=self.dtype_policy, name=part
            )
            for part in ("mixing_norm", "feedforward_norm")
        )

    def build(self, inputs_shape: Any) -> None:
        for layer in (self.feedforward, self.mixing_norm, self.feedforward_norm):
            layer.build(inputs_shape)

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        wide = keras.ops.cast(inputs, "float32")
        mixed, _ = keras.ops.fft2((wide, keras.ops.zeros_like(wide)))
        mixed = keras.ops.cast(mixed, self.compute_dtype)
        x = normalize(self.mixing_norm, inputs + mixed, self.dtype_policy)
        y = self.feedforward.call(x)
        return leave(self, x, y, self.feedforward_norm, training)

    def compute_output_shape(self, inputs_shape: Any) -> Any:
        return inputs_shape
