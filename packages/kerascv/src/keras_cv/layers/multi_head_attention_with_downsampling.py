"""Multi-head attention whose heads are narrower than what comes in and goes out."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.arguments import as_positive_int
from domain_core.layers.projection import dense, project
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("kerascv")
class MultiHeadAttentionWithDownsampling(RemembersArguments, keras.layers.Layer):
    """Attention in a space that is `downsample_rate` times narrower than its output.

    Args:
        num_heads: number of heads `H`.
        key_dim: width of a head of the output, whose width is `H * key_dim`.
        downsample_rate: by what the width of a head is divided within, rounded down.
        name: name of the layer.
        trainable: whether its weights train.
        dtype: dtype policy.

    Call arguments:
        query: tensor `(B, T, D)`.
        value: tensor `(B, S, E)`.
        key: tensor `(B, S, F)`; None for `value`.
        attention_bias: tensor that broadcasts to `(B, H, T, S)` and is added to the
            scores, or None.

    Returns:
        Tensor `(B, T, H * key_dim)`.

    Raises:
        ValueError: if an argument is no positive int, or nothing is left of a head.

    Reference:
        Kirillov et al., "Segment Anything", 2023, appendix A,
        https://arxiv.org/abs/2304.02643.

    Example:
        >>> attention = keras_cv.layers.MultiHeadAttentionWithDownsampling(2, 4, 2)
        >>> tuple(attention(np.ones((1, 3, 8)), np.ones((1, 5, 8))).shape)
        (1, 3, 8)
    """

    def __init__(
        self,
        num_heads: int,
        key_dim: int,
        downsample_rate: int = 1,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.num_heads = as_positive_int("num_heads", num_heads)
        self.key_dim = as_positive_int("key_dim", key_dim)
        self.downsample_rate = as_positive_int(
            "downsample_rate", downsample_rate, at_most=self.key_dim
        )
        self.kernel_initializer = keras.initializers.get("glorot_uniform")
        self.bias_initializer = keras.initializers.get("zeros")

    def build(
        self,
        query_shape: Any,
        value_shape: Any,
        key_shape: Any = None,
        attention_bias_shape: Any = None,
    ) -> None:
        width = self.num_heads * (self.key_dim // self.downsample_rate)
        self.query = dense(width, "query", self)
        self.key = dense(width, "key", self)
        self.value = dense(width, "value", self)
        self.out = dense(self.num_heads * self.key_dim, "out", self)
        self.query.build(query_shape)
        self.key.build(key_shape or value_shape)
        self.value.build(value_shape)
        self.out.build((*query_shape[:-1], width))

    def call(
        self, query: Any, value: Any, key: Any = None, attention_bias: Any = None
    ) -> Any:
        mixed = ops.attention(
            self._heads(self.query, query),
            self._heads(self.key, value if key is None else key),
            self._heads(self.value, value),
            attention_bias,
        )  # (B, T, H, h)
        return project(self.out, ops.join_heads(mixed), self.dtype_policy)

    def compute_output_spec(
        self, query: Any, value: Any, key: Any = None, attention_bias: Any = None
    ) -> Any:
        shape = (*query.shape[:-1], self.num_heads * self.key_dim)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)

    def _heads(self, layer: keras.layers.Dense, x: Any) -> Any:
        return ops.split_heads(project(layer, x, self.dtype_policy), self.num_heads)
