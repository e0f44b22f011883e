"""Patches of an image, each as a vector."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from domain_core.layers.projection import bound_conv
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from domain_core.weights.initialization import initializer


@serializable("domain_core")
class PatchEmbedding(RemembersArguments, keras.layers.Layer):
    """Maps each patch of an image to a vector: one linear map of all its pixels.

    Args:
        hidden_dim: width `D` of the vectors.
        patch_size: height and width of a patch, in pixels, or one number for both.
        strides: pixels between two patches; None where they stand side by side.
        use_bias: whether the map has a bias.
        kernel_initializer: a Keras initializer.

    Call arguments:
        images: tensor `(B, H, W, C)`; pixels that fill no patch are left out.

    Returns:
        Tensor `(B, h, w, D)`.

    Reference:
        Dosovitskiy et al., An Image is Worth 16x16 Words, 2020.
    """

    def __init__(
        self,
        hidden_dim: int,
        patch_size: int | Sequence[int],
        *,
        strides: int | Sequence[int] | None = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.hidden_dim = hidden_dim
        self.patch_size = patch_size
        self.strides = strides
        self.use_bias = use_bias
        self.kernel_initializer = keras.initializers.get(kernel_initializer)

    def build(self, images_shape: Any) -> None:
        self.projection = keras.layers.Conv2D(
            self.hidden_dim,
            self.patch_size,
            strides=self.patch_size if self.strides is None else self.strides,
            use_bias=self.use_bias,
            data_format="channels_last",
            kernel_initializer=initializer(self.kernel_initializer),
            dtype=self.dtype_policy,
            name="projection",
        )
        self.projection.build(images_shape)

    def call(self, images: Any) -> Any:
        return bound_conv(self.projection, self.dtype_policy)(images)

    def compute_output_shape(self, images_shape: Any) -> Any:
        return self.projection.compute_output_shape(images_shape)
