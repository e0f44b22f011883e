"""Attention with linear biases."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from domain_core.layers.position_indices import position_indices
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class AlibiBias(RemembersArguments, keras.layers.Layer):
    """Adds a bias to scores of attention that falls with the distance of a key.

    The bias of key `j` of `S` is `slope * (j - (S - 1))`, the same for all queries:
    under a causal mask that differs from `slope * (j - i)` by a constant per query,
    which the softmax takes out. Slopes of `2 ** k` heads are a geometric sequence;
    other numbers of heads take every second slope of the next power for the rest.

    Args:
        alibi_bias_max: the least slope is `2 ** -alibi_bias_max`.

    Call arguments:
        attention_scores: tensor `(B, H, T, S)`, before the softmax.

    Returns:
        Tensor of the shape of `attention_scores`.

    Raises:
        ValueError: if the scores have another rank.

    Reference:
        Press et al., Train Short, Test Long, 2021.

    Example:
        >>> scores = np.zeros((1, 2, 1, 3), "float32")
        >>> biased = domain_core.layers.AlibiBias(alibi_bias_max=2)(scores)
        >>> keras.ops.convert_to_numpy(biased)[0, :, 0].tolist()
        [[-1.0, -0.5, 0.0], [-0.5, -0.25, 0.0]]
    """

    def __init__(
        self,
        alibi_bias_max: float = 8,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.alibi_bias_max = alibi_bias_max

    def build(self, attention_scores_shape: Any) -> None:
        if len(attention_scores_shape) != 4:
            raise ValueError(
                "Expected attention scores of the shape (batch, heads, queries, keys), "
                f"received {tuple(attention_scores_shape)}."
            )

    def call(self, attention_scores: Any) -> Any:
        keys = keras.ops.shape(attention_scores)[3]
        slopes = alibi_slopes(attention_scores.shape[1], self.alibi_bias_max)
        distances = keras.ops.cast(position_indices(keys, 1 - keys), "float32")
        bias = keras.ops.multiply(slopes[:, None, None], distances)  # (H, 1, S)
        # In 16 bit, distances beyond 256 would fall together.
        biased = keras.ops.cast(attention_scores, "float32") + bias
        return keras.ops.cast(biased, self.compute_dtype)

    def compute_output_shape(self, attention_scores_shape: Any) -> Any:
        return attention_scores_shape


def alibi_slopes(num_heads: int, alibi_bias_max: float) -> np.ndarray:
    """Returns the slope of each head, float32 `(H,)`."""
    power = 2 ** (num_heads.bit_length() - 1)  # the largest that is no more than H
    slopes = _geometric(power, alibi_bias_max)
    rest = _geometric(2 * power, alibi_bias_max)[::2]
    return np.concatenate([slopes, rest[: num_heads - power]]).astype("float32")


def _geometric(count: int, alibi_bias_max: float) -> np.ndarray:
    return 2.0 ** (-alibi_bias_max * np.arange(1, count + 1) / count)
