"""The patches that ViTDet makes of an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.layers import PatchEmbedding
from domain_core.serialization import serializable


@serializable("kerascv")
class ViTDetPatchingAndEmbedding(PatchEmbedding):
    """Maps each patch of an image to a vector.

    Args:
        kernel_size: height and width of a patch, in pixels.
        strides: pixels between two patches, along height and width.
        embed_dim: width `D` of the vectors.

    Call arguments:
        images: tensor `(B, H, W, C)`.

    Returns:
        Tensor `(B, h, w, D)`; pixels that fill no patch are left out.

    Example:
        >>> layer = keras_cv.layers.ViTDetPatchingAndEmbedding(embed_dim=8)
        >>> tuple(layer(np.zeros((1, 32, 48, 3), "float32")).shape)
        (1, 2, 3, 8)
    """

    def __init__(
        self,
        kernel_size: Sequence[int] = (16, 16),
        strides: Sequence[int] = (16, 16),
        embed_dim: int = 768,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            embed_dim,
            kernel_size,
            strides=strides,
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
