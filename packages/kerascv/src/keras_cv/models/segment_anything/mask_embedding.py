"""Brings a mask to the size and width of an image's embedding."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.arguments import as_fraction, as_positive_int
from domain_core.layers.projection import normalize
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.layers.conv_norm import build_conv, convolve, make_conv


@serializable("kerascv")
class MaskEmbedding(RemembersArguments, keras.layers.Layer):
    """Two convolutions that halve a mask, each normalized and activated, and one of 1.

    Args:
        embed_dim: channels `D` of the output.
        mask_in_chans: channels of the second convolution, four times those of the
            first.
        activation: a name that `domain_core.ops.activation` knows.
        layer_norm_epsilon: added to variances.
        name: name of the layer.
        trainable: whether its weights train.
        dtype: dtype policy.

    Call arguments:
        masks: logits `(B, 4 * h, 4 * w, 1)`.

    Returns:
        Tensor `(B, h, w, D)`.

    Raises:
        ValueError: if 4 does not divide `mask_in_chans`.
    """

    def __init__(
        self,
        embed_dim: int,
        mask_in_chans: int,
        activation: Any,
        *,
        layer_norm_epsilon: float = 1e-6,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.embed_dim = as_positive_int("embed_dim", embed_dim)
        self.mask_in_chans = as_positive_int("mask_in_chans", mask_in_chans)
        self.activation = activation
        self.layer_norm_epsilon = as_fraction("layer_norm_epsilon", layer_norm_epsilon)
        if mask_in_chans % 4:
            raise ValueError(
                f"Expected `mask_in_chans` that 4 divides, received {mask_in_chans}."
            )
        self.kernel_initializer = keras.initializers.get("glorot_uniform")
        self._activate = ops.activation(activation)

    def build(self, masks_shape: Any) -> None:
        channels = masks_shape[-1]
        for index, filters in enumerate((self.mask_in_chans // 4, self.mask_in_chans)):
            name = f"conv_{index}"
            conv = make_conv(filters, 2, name, self, strides=2, use_bias=True)
            norm = keras.layers.LayerNormalization(
                epsilon=self.layer_norm_epsilon,
                name=f"norm_{index}",
                dtype=self.dtype_policy,
            )
            build_conv(conv, (None, None, None, channels))
            norm.build((None, None, None, filters))
            setattr(self, name, conv)
            setattr(self, f"norm_{index}", norm)
            channels = filters
        self.project = make_conv(self.embed_dim, 1, "project", self, use_bias=True)
        build_conv(self.project, (None, None, None, channels))

    def call(self, masks: Any) -> Any:
        x = masks
        for index in range(2):
            x = convolve(getattr(self, f"conv_{index}"), x, self.dtype_policy)
            x = normalize(getattr(self, f"norm_{index}"), x, self.dtype_policy)
            x = self._activate(x)
        return convolve(self.project, x, self.dtype_policy)

    def compute_output_spec(self, masks: Any) -> Any:
        batch, height, width, _ = masks.shape
        shape = (batch, height and height // 4, width and width // 4, self.embed_dim)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)
