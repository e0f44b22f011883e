"""Scales the channels of a feature map by what the whole map holds."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.arguments import as_positive_int
from domain_core.layers.projection import project
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from domain_core.weights.initialization import initializer
from keras_cv.layers.feature_maps import check_feature_map


@serializable("kerascv")
class SqueezeAndExcite2D(RemembersArguments, keras.layers.Layer):
    """Multiplies each channel by a gate that is computed from the mean of all.

    `x * excite_activation(excite(squeeze_activation(squeeze(mean(x)))))`, where the
    mean is over height and width and `squeeze` and `excite` are dense layers with bias,
    which is what 1x1 convolutions of a 1x1 map are.

    Args:
        filters: number of channels `C` of the input.
        bottleneck_filters: width between the two dense layers, below `filters`; None
            for a quarter of `filters`.
        squeeze_activation: activation of the bottleneck.
        excite_activation: activation of the gate.

    Call arguments:
        inputs: tensor `(B, H, W, C)`.

    Returns:
        Tensor `(B, H, W, C)` in the compute dtype.

    Raises:
        ValueError: if a size is below 1, `bottleneck_filters` is not below `filters`,
            or the input does not have `filters` channels.

    Reference:
        Hu et al., "Squeeze-and-Excitation Networks", 2017,
        https://arxiv.org/abs/1709.01507.

    Example:
        >>> layer = keras_cv.layers.SqueezeAndExcite2D(filters=8)
        >>> tuple(layer(np.ones((2, 5, 7, 8), "float32")).shape)
        (2, 5, 7, 8)
    """

    def __init__(
        self,
        filters: int,
        bottleneck_filters: int | None = None,
        squeeze_activation: Any = "relu",
        excite_activation: Any = "sigmoid",
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.filters = as_positive_int("filters", filters)
        if bottleneck_filters is None:
            bottleneck_filters = max(1, self.filters // 4)
        self.bottleneck_filters = as_positive_int(
            "bottleneck_filters", bottleneck_filters
        )
        if self.bottleneck_filters >= self.filters:
            raise ValueError(
                f"Expected `bottleneck_filters` below filters={filters}, received "
                f"{bottleneck_filters}. A quarter of `filters` is usual."
            )
        self.squeeze_activation = squeeze_activation
        self.excite_activation = excite_activation
        self._activate_squeeze = ops.activation(squeeze_activation)
        self._activate_excite = ops.activation(excite_activation)
        self.squeeze, self.excite = (
            keras.layers.Dense(
                units,
                kernel_initializer=initializer("glorot_uniform"),
                dtype=self.dtype_policy,
                name=part,
            )
            for part, units in (
                ("squeeze", self.bottleneck_filters),
                ("excite", self.filters),
            )
        )

    def build(self, inputs_shape: Any) -> None:
        check_feature_map(inputs_shape, channels=self.filters)
        self.squeeze.build((inputs_shape[0], self.filters))
        self.excite.build((inputs_shape[0], self.bottleneck_filters))

    def call(self, inputs: Any) -> Any:
        gate = spatial_mean(inputs)  # (B, C)
        gate = self._activate_squeeze(project(self.squeeze, gate, self.dtype_policy))
        gate = self._activate_excite(project(self.excite, gate, self.dtype_policy))
        return inputs * gate[:, None, None, :]

    def compute_output_shape(self, inputs_shape: Any) -> Any:
        return inputs_shape


def spatial_mean(x: Any) -> Any:
    """Averages over height and width.

    Args:
        x: tensor `(B, H, W, C)`.

    Returns:
        Tensor `(B, C)` of the dtype of `x`.
    """
    # A sum in float16 overflows at 65504.
    mean = keras.ops.mean(keras.ops.cast(x, "float32"), axis=(1, 2))
    return keras.ops.cast(mean, x.dtype)
