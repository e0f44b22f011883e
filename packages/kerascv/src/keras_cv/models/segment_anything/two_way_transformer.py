"""The transformer of SAM's decoder, between tokens and an image."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.arguments import as_positive_int
from domain_core.layers.attention_mask import attention_bias
from domain_core.layers.projection import normalize
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.layers.feature_maps import as_sequence
from keras_cv.layers.multi_head_attention_with_downsampling import (
    MultiHeadAttentionWithDownsampling,
)
from keras_cv.layers.two_way_multi_head_attention import TwoWayMultiHeadAttention

_LAST_EPSILON = 1e-5


@serializable("kerascv")
class TwoWayTransformer(RemembersArguments, keras.layers.Layer):
    """Blocks in which tokens and an image attend to each other, then tokens once more.

    Args:
        depth: number of blocks.
        embed_dim: channels `D` of tokens and image.
        num_heads: number of heads; divides `embed_dim`.
        mlp_dim: width between the two layers of a feed-forward part.
        activation: of these; a name that `domain_core.ops.activation` knows.
        attention_downsample_rate: see `TwoWayMultiHeadAttention`.
        layer_norm_epsilon: added to variances in the blocks; after them 1e-5 is.
        name: name of the layer.
        trainable: whether its weights train.
        dtype: dtype policy.

    Call arguments:
        image_embedding: tensor `(B, h, w, D)`.
        image_pe: positions in the image, which broadcast to `(B, h, w, D)`.
        point_embedding: tokens `(B, T, D)`, which are their positions, too.
        point_mask: bool `(B, T)`, false for tokens to which nothing attends; None if
            there are none.

    Returns:
        Tokens `(B, T, D)` and places of the image `(B, h * w, D)`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        Kirillov et al., "Segment Anything", 2023, appendix A,
        https://arxiv.org/abs/2304.02643.

    Example:
        >>> transformer = keras_cv.models.TwoWayTransformer(
        ...     depth=1, embed_dim=8, num_heads=2, mlp_dim=16,
        ... )
        >>> image, tokens = np.ones((1, 4, 5, 8)), np.ones((1, 3, 8))
        >>> [tuple(x.shape) for x in transformer(image, image, tokens)]
        [(1, 3, 8), (1, 20, 8)]
    """

    def __init__(
        self,
        *,
        depth: int = 2,
        embed_dim: int = 256,
        num_heads: int = 8,
        mlp_dim: int = 2048,
        activation: Any = "relu",
        attention_downsample_rate: int = 2,
        layer_norm_epsilon: float = 1e-5,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.depth = as_positive_int("depth", depth)
        self.embed_dim = as_positive_int("embed_dim", embed_dim)
        self.num_heads = as_positive_int("num_heads", num_heads)
        self.mlp_dim = mlp_dim
        self.activation = activation
        self.attention_downsample_rate = attention_downsample_rate
        self.layer_norm_epsilon = layer_norm_epsilon
        if embed_dim % num_heads:
            raise ValueError(
                f"Expected an `embed_dim` that num_heads={num_heads} divides, received "
                f"{embed_dim}."
            )
        self.blocks = [
            TwoWayMultiHeadAttention(
                num_heads,
                embed_dim // num_heads,
                mlp_dim,
                index == 0,
                attention_downsample_rate,
                activation,
                layer_norm_epsilon=layer_norm_epsilon,
                name=f"block_{index}",
                dtype=self.dtype_policy,
            )
            for index in range(depth)
        ]
        self.final_attention = MultiHeadAttentionWithDownsampling(
            num_heads,
            embed_dim // num_heads,
            attention_downsample_rate,
            name="final_attention",
            dtype=self.dtype_policy,
        )
        self.final_norm = keras.layers.LayerNormalization(
            epsilon=_LAST_EPSILON, name="final_norm", dtype=self.dtype_policy
        )

    def build(
        self,
        image_embedding_shape: Any,
        image_pe_shape: Any = None,
        point_embedding_shape: Any = None,
        point_mask_shape: Any = None,
    ) -> None:
        tokens = places = (None, None, self.embed_dim)
        for block in self.blocks:
            block.build(tokens, places)
        self.final_attention.build(tokens, places)
        self.final_norm.build(tokens)

    def call(
        self,
        image_embedding: Any,
        image_pe: Any,
        point_embedding: Any,
        point_mask: Any = None,
    ) -> tuple[Any, Any]:
        keys, key_pe = as_sequence(image_embedding), as_sequence(image_pe)
        bias = None
        if point_mask is not None:
            bias = attention_bias(point_mask, self.compute_dtype)[:, None, None, :]
        queries = point_embedding
        for block in self.blocks:
            queries, keys = block.call(queries, keys, point_embedding, key_pe, bias)
        attended = self.final_attention.call(
            queries + point_embedding, keys, keys + key_pe
        )
        queries = normalize(self.final_norm, queries + attended, self.dtype_policy)
        return queries, keys

    def compute_output_spec(
        self,
        image_embedding: Any,
        image_pe: Any,
        point_embedding: Any,
        point_mask: Any = None,
    ) -> Any:
        batch, height, width, dim = image_embedding.shape
        places = None if None in (height, width) else height * width
        return tuple(
            keras.KerasTensor(shape, dtype=self.compute_dtype)
            for shape in (point_embedding.shape, (batch, places, dim))
        )
