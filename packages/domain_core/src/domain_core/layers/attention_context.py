"""What the blocks of a model share in one forward pass, made once."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from domain_core.serialization import layer_config, serializable


@serializable("domain_core")
class AttentionContext(keras.layers.Layer):
    """Turns a padding mask into the context of encoder blocks.

    The bias is large but finite, so that a row that is all padding attends evenly
    instead of giving NaN.

    Call arguments:
        padding_mask: int or bool `(B, T)`, nonzero for real tokens.

    Returns:
        Dict with "attention_bias", `(B, 1, 1, T)` in the compute dtype: 0 for real
        tokens, a large negative number for padding.
    """

    def __init__(
        self, *, name: str | None = None, trainable: bool = True, dtype: Any = None
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)

    def call(self, padding_mask: Any) -> dict[str, Any]:
        lowest = -30000.0 if self.compute_dtype == "float16" else -1e9
        padding = keras.ops.equal(padding_mask, 0)[:, None, None, :]
        bias = keras.ops.where(padding, np.float32(lowest), np.float32(0))
        return {"attention_bias": keras.ops.cast(bias, self.compute_dtype)}

    def compute_output_spec(self, padding_mask: Any) -> dict[str, Any]:
        batch, time = padding_mask.shape
        shape = (batch, 1, 1, time)
        return {"attention_bias": keras.KerasTensor(shape, dtype=self.compute_dtype)}

    def get_config(self) -> dict[str, Any]:
        return layer_config(self)
