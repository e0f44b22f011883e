"""Rotary position embedding."""

from __future__ import annotations

from typing import Any

import keras

from domain_core.arguments import check_choices
from domain_core.layers.position_indices import position_indices
from domain_core.layers.rotary_rates import Rates, rates
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("domain_core")
class RotaryEmbedding(RemembersArguments, keras.layers.Layer):
    """Turns pairs of features by angles that grow with the position.

    Feature `j` of `d` is paired with feature `j + d / 2`, and turned by
    `position / scaling_factor * max_wavelength ** (-2j / d)` radians. Queries and keys
    so turned give scores that depend on the distance of their positions. Tables are
    computed in float32.

    Args:
        max_wavelength: of the slowest pair, in positions, over `2 pi`.
        scaling_factor: divides the positions, to stretch a model to longer sequences.
        sequence_axis: axis of the positions.
        feature_axis: axis of the features, an even number of them.
        rope_type: "linear" divides all positions by the factor; "yarn" those of slow
            pairs alone, and scales the result.
        beta_fast: with "yarn": pairs that turn more often than this over the original
            length are left as they are.
        beta_slow: with "yarn": pairs that turn less often are fully stretched.
        original_max_position_embeddings: with "yarn": the original length.
        truncate: with "yarn": whether the borders fall on whole pairs.

    Call arguments:
        inputs: tensor of rank 2 or more, mostly `(B, T, H, h)`.
        start_index: position of the first of the sequence; an int or an int tensor.
        positions: int `(T,)` or `(B, T)` (axis 0 is `B`), the positions themselves;
            `start_index` does not count then.

    Returns:
        Tensor of the shape of `inputs`.

    Raises:
        ValueError: if the number of features is odd, or `rope_type` unknown.

    Reference:
        Su et al., RoFormer, 2021; Peng et al., YaRN, 2023.

    Example:
        >>> query = np.ones((2, 5, 4, 8), "float32")
        >>> rotary = domain_core.layers.RotaryEmbedding()
        >>> tuple(rotary(query, start_index=7).shape)
        (2, 5, 4, 8)
    """

    def __init__(
        self,
        max_wavelength: float = 10000,
        scaling_factor: float = 1.0,
        sequence_axis: int = 1,
        feature_axis: int = -1,
        *,
        rope_type: str = "linear",
        beta_fast: float = 32.0,
        beta_slow: float = 1.0,
        original_max_position_embeddings: int = 4096,
        truncate: bool = True,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        check_choices(rope_type=(rope_type, ("linear", "yarn")))
        self.max_wavelength = max_wavelength
        self.scaling_factor = scaling_factor
        self.sequence_axis = sequence_axis
        self.feature_axis = feature_axis
        self.rope_type = rope_type
        self.beta_fast = beta_fast
        self.beta_slow = beta_slow
        self.original_max_position_embeddings = original_max_position_embeddings
        self.truncate = truncate
        self.supports_masking = True

    def build(self, inputs_shape: Any) -> None:
        self._axes(len(inputs_shape), inputs_shape[self.feature_axis])

    def call(self, inputs: Any, start_index: Any = 0, positions: Any = None) -> Any:
        rank, width = len(inputs.shape), inputs.shape[self.feature_axis]
        sequence, feature = self._axes(rank, width)
        if positions is None:
            length = keras.ops.shape(inputs)[sequence]
            positions = position_indices(length, start_index)
        cos, sin = self._tables(positions, width, rank, sequence, feature)
        first, second = keras.ops.split(inputs, 2, axis=feature)
        turned = (first * cos - second * sin, second * cos + first * sin)
        return keras.ops.concatenate(turned, axis=feature)

    def compute_output_shape(self, inputs_shape: Any) -> Any:
        return inputs_shape

    def _axes(self, rank: int, width: int) -> tuple[int, int]:
        """Returns the two axes, counted from the front."""
        axes = self.sequence_axis, self.feature_axis
        sequence, feature = (axis + rank if axis < 0 else axis for axis in axes)
        if sequence == feature or not all(0 <= a < rank for a in (sequence, feature)):
            raise ValueError(
                f"Expected two axes of inputs of rank {rank}, received sequence_axis="
                f"{self.sequence_axis} and feature_axis={self.feature_axis}."
            )
        if width % 2:
            raise ValueError(
                f"Expected an even number of features, to pair them; received {width} "
                f"on axis {self.feature_axis}."
            )
        return sequence, feature

    def _tables(
        self, positions: Any, width: int, rank: int, sequence: int, feature: int
    ) -> tuple[Any, Any]:
        """Returns cosines and sines that broadcast to half of the inputs."""
        known = self._rates(width)
        angles = keras.ops.cast(positions, "float32")[..., None]
        angles = keras.ops.multiply(angles, known.usual)  # (T, d / 2) or (B, T, d / 2)
        if feature < sequence:
            angles = keras.ops.swapaxes(angles, -1, -2)
        present = {sequence, feature} | ({0} if len(positions.shape) == 2 else set())
        for axis in range(rank):
            if axis not in present:
                angles = keras.ops.expand_dims(angles, axis)
        tables = (keras.ops.cos(angles), keras.ops.sin(angles))
        if known.scale != 1:
            tables = tuple(table * known.scale for table in tables)
        cos, sin = (keras.ops.cast(table, self.compute_dtype) for table in tables)
        return cos, sin

    def _rates(self, width: int) -> Rates:
        scaling = {"rope_type": self.rope_type, "factor": self.scaling_factor}
        if self.rope_type == "yarn":
            scaling |= {
                "beta_fast": self.beta_fast,
                "beta_slow": self.beta_slow,
                "original_max_position_embeddings": (
                    self.original_max_position_embeddings
                ),
                "truncate": self.truncate,
            }
        return rates(width, self.max_wavelength, scaling)
