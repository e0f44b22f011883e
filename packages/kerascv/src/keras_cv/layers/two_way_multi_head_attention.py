"""A block in which tokens and an image attend to each other."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.arguments import as_fraction, as_positive_int
from domain_core.layers.feed_forward import FeedForward
from domain_core.layers.projection import normalize
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.layers.multi_head_attention_with_downsampling import (
    MultiHeadAttentionWithDownsampling,
)


@serializable("kerascv")
class TwoWayMultiHeadAttention(RemembersArguments, keras.layers.Layer):
    """Self-attention of tokens, tokens to image, feed-forward, image to tokens.

    After each of the four what came in is added, and the sum is normalized. Positions
    are added anew to queries and keys of each attention, never to values.

    Args:
        num_heads: number of heads `H`.
        key_dim: width of a head; tokens and image have `D = H * key_dim` channels.
        mlp_dim: width between the two layers of the feed-forward part.
        skip_first_layer_pe: whether the self-attention sees no positions, and nothing
            is added to its result: for a first block, whose tokens are positions.
        attention_downsample_rate: by what `key_dim` is divided between tokens and
            image.
        activation: of the feed-forward part; a name that `domain_core.ops.activation`
            knows.
        layer_norm_epsilon: added to variances.
        name: name of the layer.
        trainable: whether its weights train.
        dtype: dtype policy.

    Call arguments:
        queries: tokens `(B, T, D)`.
        keys: places of the image `(B, S, D)`.
        query_pe: positions `(B, T, D)` of the tokens.
        key_pe: positions of the places, which broadcast to `(B, S, D)`.
        token_bias: tensor that broadcasts to `(B, H, S, T)`, very negative for tokens
            to which nothing attends; or None.

    Returns:
        Tokens `(B, T, D)` and places `(B, S, D)`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        Kirillov et al., "Segment Anything", 2023, appendix A,
        https://arxiv.org/abs/2304.02643.

    Example:
        >>> block = keras_cv.layers.TwoWayMultiHeadAttention(2, 4, 16, False)
        >>> tokens, places = np.ones((1, 3, 8)), np.ones((1, 20, 8))
        >>> [tuple(x.shape) for x in block(tokens, places, tokens, places)]
        [(1, 3, 8), (1, 20, 8)]
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        mlp_dim: int,
        skip_first_layer_pe: bool,
        attention_downsample_rate: int = 2,
        activation: Any = "relu",
        *,
        layer_norm_epsilon: float = 1e-5,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.num_heads = as_positive_int("num_heads", num_heads)
        self.key_dim = as_positive_int("key_dim", key_dim)
        self.mlp_dim = as_positive_int("mlp_dim", mlp_dim)
        self.skip_first_layer_pe = skip_first_layer_pe
        self.attention_downsample_rate = attention_downsample_rate
        self.activation = activation
        self.layer_norm_epsilon = as_fraction("layer_norm_epsilon", layer_norm_epsilon)
        for part, rate in (
            ("self_attention", 1),
            ("token_to_image", attention_downsample_rate),
            ("image_to_token", attention_downsample_rate),
        ):
            attention = MultiHeadAttentionWithDownsampling(
                num_heads, key_dim, rate, name=part, dtype=self.dtype_policy
            )
            setattr(self, part, attention)
        self.mlp = FeedForward(mlp_dim, activation, name="mlp", dtype=self.dtype_policy)
        for part in ("self_attention", "token_to_image", "mlp", "image_to_token"):
            norm = keras.layers.LayerNormalization(
                epsilon=layer_norm_epsilon, name=f"{part}_norm", dtype=self.dtype_policy
            )
            setattr(self, f"{part}_norm", norm)

    def build(
        self,
        queries_shape: Any,
        keys_shape: Any,
        query_pe_shape: Any = None,
        key_pe_shape: Any = None,
        token_bias_shape: Any = None,
    ) -> None:
        self.self_attention.build(queries_shape, queries_shape)
        self.token_to_image.build(queries_shape, keys_shape)
        self.mlp.build(queries_shape)
        self.image_to_token.build(keys_shape, queries_shape)
        for part in ("self_attention", "token_to_image", "mlp"):
            getattr(self, f"{part}_norm").build(queries_shape)
        self.image_to_token_norm.build(keys_shape)

    def call(
        self,
        queries: Any,
        keys: Any,
        query_pe: Any,
        key_pe: Any,
        token_bias: Any = None,
    ) -> tuple[Any, Any]:
        if self.skip_first_layer_pe:
            queries = self.self_attention.call(queries, queries, None, token_bias)
        else:
            placed = queries + query_pe
            attended = self.self_attention.call(placed, queries, placed, token_bias)
            queries = queries + attended
        queries = self._normalize("self_attention", queries)
        placed_keys = keys + key_pe
        attended = self.token_to_image.call(queries + query_pe, keys, placed_keys)
        queries = self._normalize("token_to_image", queries + attended)
        queries = self._normalize("mlp", queries + self.mlp.call(queries))
        attended = self.image_to_token.call(
            placed_keys, queries, queries + query_pe, token_bias
        )
        return queries, self._normalize("image_to_token", keys + attended)

    def compute_output_spec(
        self,
        queries: Any,
        keys: Any,
        query_pe: Any,
        key_pe: Any,
        token_bias: Any = None,
    ) -> Any:
        return tuple(
            keras.KerasTensor(x.shape, dtype=self.compute_dtype)
            for x in (queries, keys)
        )

    def _normalize(self, part: str, x: Any) -> Any:
        return normalize(getattr(self, f"{part}_norm"), x, self.dtype_policy)
