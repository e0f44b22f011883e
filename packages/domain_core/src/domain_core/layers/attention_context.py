"""What the blocks of a model share in one forward pass, made once."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.layers.attention_mask import attention_bias
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class AttentionContext(RemembersArguments, keras.layers.Layer):
    """Turns a padding mask into the context of encoder blocks.

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
        mask = keras.ops.not_equal(padding_mask, 0)[:, None, None, :]
        return {"attention_bias": attention_bias(mask, self.compute_dtype)}

    def compute_output_spec(self, padding_mask: Any) -> dict[str, Any]:
        batch, time = padding_mask.shape
        shape = (batch, 1, 1, time)
        return {"attention_bias": keras.KerasTensor(shape, dtype=self.compute_dtype)}
