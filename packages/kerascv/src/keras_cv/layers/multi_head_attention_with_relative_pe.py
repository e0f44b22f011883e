"""ViTDet's attention over a whole map, by the name that KerasCV had for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_positive_int
from domain_core.serialization import serializable
from keras_cv.layers.map_attention import MapAttention


@serializable("kerascv")
class MultiHeadAttentionWithRelativePE(MapAttention):
    """Self-attention among all positions of a map; see `MapAttention`.

    Args:
        num_heads: number of heads `H`.
        key_dim: width of a head, as a rule `D / H`.
        use_bias: whether queries, keys and values have biases; the output always has.
        use_rel_pos: whether scores depend on the distances in rows and in columns.
        input_size: height and width of the maps that these are made for; None for those
            of the input.

    Call arguments:
        x: tensor `(B, h, w, D)`.

    Returns:
        Tensor `(B, h, w, D)`.

    Reference:
        Li et al., "Exploring Plain Vision Transformer Backbones for Object Detection",
        2022, https://arxiv.org/abs/2203.16527.

    Example:
        >>> layer = keras_cv.layers.MultiHeadAttentionWithRelativePE(2, 4)
        >>> tuple(layer(np.zeros((1, 3, 5, 8), "float32")).shape)
        (1, 3, 5, 8)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        use_bias: bool = True,
        use_rel_pos: bool = False,
        input_size: Sequence[int] | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            as_positive_int("num_heads", num_heads),
            use_bias=use_bias,
            use_rel_pos=use_rel_pos,
            input_size=input_size,
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        self.key_dim = as_positive_int("key_dim", key_dim)
        self.head_dim = self.key_dim
