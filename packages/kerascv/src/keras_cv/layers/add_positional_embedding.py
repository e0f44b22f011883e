"""Learned absolute positions of a feature map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from domain_core import initializer
from domain_core.arguments import as_positive_int, as_size
from domain_core.layers.projection import tensor
from domain_core.layers.resized_positions import resize_grid
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("kerascv")
class AddPositionalEmbedding(RemembersArguments, keras.layers.Layer):
    """Adds a learned vector to each position of a map.

    Args:
        img_size: height and width of the images that positions are made for, or one
            number for both. For maps of other sizes they are interpolated, bicubic.
        patch_size: height and width of the patch that a position stands for, or one
            number for both.
        embed_dim: width `D` of the maps.

    Call arguments:
        x: tensor `(B, h, w, D)`.

    Returns:
        Tensor of the shape of `x`.

    Raises:
        ValueError: if patches do not fill the images.

    Example:
        >>> layer = keras_cv.layers.AddPositionalEmbedding(64, 16, 8)
        >>> tuple(layer(np.zeros((1, 4, 4, 8), "float32")).shape)
        (1, 4, 4, 8)
    """

    def __init__(
        self,
        img_size: int | Sequence[int],
        patch_size: int | Sequence[int],
        embed_dim: int,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.img_size = img_size
        self.patch_size = patch_size
        self.embed_dim = as_positive_int("embed_dim", embed_dim)
        image, patch = as_size("img_size", img_size), as_size("patch_size", patch_size)
        if image[0] % patch[0] or image[1] % patch[1]:
            raise ValueError(
                f"Expected `img_size` that `patch_size` {patch} divides, received "
                f"{image}."
            )
        self._grid = (image[0] // patch[0], image[1] // patch[1])

    def build(self, x_shape: Any) -> None:
        self.positions = self.add_weight(
            name="positions",
            shape=(*self._grid, self.embed_dim),
            initializer=initializer(keras.initializers.TruncatedNormal(0.02)),
        )

    def call(self, x: Any) -> Any:
        _, height, width, _ = keras.ops.shape(x)
        return x + resize_grid(tensor(self.positions, self.dtype_policy), height, width)

    def compute_output_shape(self, x_shape: Any) -> Any:
        return x_shape
