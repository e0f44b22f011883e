"""Learned embeddings of positions."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.arguments import as_positive_int
from domain_core.layers.position_indices import position_indices
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from domain_core.weights.initialization import initializer


@serializable("domain_core")
class PositionEmbedding(RemembersArguments, keras.layers.Layer):
    """Looks up a learned vector for each position of a sequence.

    Args:
        sequence_length: number of positions.
        initializer: a Keras initializer.

    Call arguments:
        inputs: tensor `(..., T, D)`, of which only the shape counts.
        start_index: position of the first of the sequence; an int or an int tensor.
        positions: int `(T,)` or `(B, T)`, the positions themselves; `start_index` does
            not count then.

    Returns:
        Tensor of the shape of `inputs`, to be added to it.

    Raises:
        ValueError: if the sequence is known to reach beyond the last position.

    Example:
        >>> x = np.zeros((2, 5, 16), "float32")
        >>> tuple(domain_core.layers.PositionEmbedding(sequence_length=10)(x).shape)
        (2, 5, 16)
    """

    def __init__(
        self,
        sequence_length: int,
        initializer: Any = "glorot_uniform",
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.sequence_length = as_positive_int("sequence_length", sequence_length)
        self.initializer = keras.initializers.get(initializer)
        self.supports_masking = True

    def build(self, inputs_shape: Any) -> None:
        self.position_embeddings = self.add_weight(
            name="position_embeddings",
            shape=(self.sequence_length, inputs_shape[-1]),
            initializer=initializer(self.initializer),
        )

    def call(self, inputs: Any, start_index: Any = 0, positions: Any = None) -> Any:
        shape = keras.ops.shape(inputs)
        if positions is None:
            self.check_length(shape[-2], start_index)
            positions = position_indices(shape[-2], start_index)
        # Indices rather than a slice: a slice fails in exports with a symbolic length.
        rows = ops.take_rows(self.position_embeddings.value, positions)
        rows = keras.ops.cast(rows, self.compute_dtype)
        return keras.ops.broadcast_to(rows, shape)

    def check_length(self, length: Any, start_index: Any = 0) -> None:
        """Raises ValueError if a sequence is known to need more positions."""
        known = isinstance(length, int) and isinstance(start_index, int)
        if known and length + start_index > self.sequence_length:
            raise ValueError(
                f"Expected at most {self.sequence_length} positions, as "
                f"`sequence_length` says, received {length} from position "
                f"{start_index} on. Truncate the sequences or build the layer with "
                "more positions."
            )

    def compute_output_shape(self, inputs_shape: Any) -> Any:
        self.check_length(inputs_shape[-2])
        return inputs_shape
