"""What the blocks of a vision transformer see of an image."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import initializer, ops
from domain_core.layers import PatchEmbedding
from domain_core.layers.projection import tensor
from domain_core.layers.resized_positions import resize_grid
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("kerascv")
class ViTEmbedding(RemembersArguments, keras.layers.Layer):
    """Patches of an image in one row, after a class token, with learned positions.

    Args:
        hidden_dim: width `D`.
        patch_size: height and width of a patch, in pixels.
        grid: rows and columns of patches that positions are made for. For images of
            other sizes they are interpolated, bicubic.
        use_class_token: whether there is a class token.
        use_patch_bias: whether the map of a patch to its vector has a bias.
        dropout: share to drop in training.

    Call arguments:
        images: tensor `(B, H, W, C)`.

    Returns:
        Tensor `(B, T, D)`; `T` is the number of patches, and 1 for the class token.
    """

    def __init__(
        self,
        hidden_dim: int,
        patch_size: tuple[int, int],
        grid: tuple[int, int],
        *,
        use_class_token: bool = True,
        use_patch_bias: bool = True,
        dropout: float = 0.0,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.hidden_dim = hidden_dim
        self.patch_size = patch_size
        self.grid = grid
        self.use_class_token = use_class_token
        self.use_patch_bias = use_patch_bias
        self.dropout = dropout
        self.seed_generator = keras.random.SeedGenerator()

    def build(self, images_shape: Any) -> None:
        self.patch_embedding = PatchEmbedding(
            self.hidden_dim,
            self.patch_size,
            use_bias=self.use_patch_bias,
            dtype=self.dtype_policy,
            name="patch_embedding",
        )
        self.patch_embedding.build(images_shape)
        draw = keras.initializers.TruncatedNormal(0.02)
        if self.use_class_token:
            self.class_token = self.add_weight(
                name="class_token",
                shape=(1, self.hidden_dim),
                initializer=initializer(draw),
            )
        rows, columns = self.grid
        self.positions = self.add_weight(
            name="positions",
            shape=(self.use_class_token + rows * columns, self.hidden_dim),
            initializer=initializer(draw),
        )

    def call(self, images: Any, training: bool = False) -> Any:
        policy, width = self.dtype_policy, self.hidden_dim
        x = self.patch_embedding.call(images)  # (B, h, w, D)
        batch, rows, columns, _ = keras.ops.shape(x)
        first = int(self.use_class_token)
        positions = tensor(self.positions, policy)
        grid = keras.ops.reshape(positions[first:], (*self.grid, width))
        x = x + resize_grid(grid, rows, columns)
        x = keras.ops.reshape(x, (-1, rows * columns, width))  # (B, h * w, D)
        if first:
            token = tensor(self.class_token, policy) + positions[:1]
            token = keras.ops.broadcast_to(token, (batch, 1, width))
            x = keras.ops.concatenate([token, x], axis=1)
        if training and self.dropout:
            x = ops.dropout(x, self.dropout, self.seed_generator)
        return x

    def compute_output_spec(self, images: Any, training: bool = False) -> Any:
        lengths = images.shape[1:3]
        count = None
        if None not in lengths:
            height, width = (
                length // size
                for length, size in zip(lengths, self.patch_size, strict=True)
            )
            count = self.use_class_token + height * width
        shape = (images.shape[0], count, self.hidden_dim)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)
