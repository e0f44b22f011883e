"""What the blocks of a model share in one forward pass, made once."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.layers.attention_mask import source_bias
from domain_core.layers.position_indices import position_indices
from domain_core.layers.relative_positions import RelativePositions
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class AttentionContext(RemembersArguments, keras.layers.Layer):
    """Turns a padding mask into the context of encoder blocks.

    Args:
        relative: what distances add to scores, both ways; or None.

    Call arguments:
        padding_mask: int or bool `(B, T)`, nonzero for real tokens.

    Returns:
        Dict with "attention_bias", `(B, 1, 1, T)` in the compute dtype: 0 for real
        tokens, a large negative number for padding; `(B, H, T, T)` with what distances
        add.
    """

    def __init__(
        self,
        relative: RelativePositions | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.relative = relative

    def build(self, padding_mask_shape: Any) -> None:
        if self.relative is not None:
            self.relative.build()

    def call(self, padding_mask: Any) -> dict[str, Any]:
        bias = source_bias(padding_mask, self.compute_dtype)
        if self.relative is not None:
            places = position_indices(keras.ops.shape(padding_mask)[1])
            bias = bias + self.relative.call(places, places)
        return {"attention_bias": bias}

    def compute_output_spec(self, padding_mask: Any) -> dict[str, Any]:
        batch, time = padding_mask.shape
        shape = (batch, 1, 1, time)
        if self.relative is not None:
            shape = (batch, self.relative.num_heads, time, time)
        return {"attention_bias": keras.KerasTensor(shape, dtype=self.compute_dtype)}
