"""Looks at a feature map at several scales at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from domain_core import ops
from domain_core.arguments import as_positive_int, as_rate
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from domain_core.weights.initialization import initializer
from keras_cv.layers.conv_norm import batch_normalize, build_conv, convolve
from keras_cv.layers.feature_maps import check_feature_map
from keras_cv.layers.squeeze_and_excite_2d import spatial_mean


@serializable("kerascv")
class SpatialPyramidPooling(RemembersArguments, keras.layers.Layer):
    """Atrous spatial pyramid pooling: dilated convolutions side by side.

    The branches are a 1x1 convolution, a 3x3 one for each dilation rate and a 1x1 one
    of the mean of the map, in this order; they are concatenated and go through one more
    1x1 convolution and dropout. Each convolution has no bias and is followed by batch
    normalization and the activation. The mean is the same at every position, so it is
    repeated where the paper resizes it bilinearly. Height and width are free, and may
    be unknown before the call.

    Args:
        dilation_rates: distance between the taps of each 3x3 convolution, in cells.
        num_channels: number of channels `D` of each branch and of the output.
        activation: activation after each normalization.
        dropout: share of the output to drop in training, in `[0, 1)`.

    Call arguments:
        inputs: tensor `(B, H, W, C)`.
        training: whether to normalize by the batch and to drop.

    Returns:
        Tensor `(B, H, W, D)` in the compute dtype.

    Raises:
        ValueError: if a rate or size is out of range, or the input is no batch of
            feature maps.

    Reference:
        Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation",
        2017, https://arxiv.org/abs/1706.05587.

    Example:
        >>> layer = keras_cv.layers.SpatialPyramidPooling([2, 3], num_channels=5)
        >>> tuple(layer(np.ones((3, 9, 7, 4), "float32")).shape)
        (3, 9, 7, 5)
    """

    def __init__(
        self,
        dilation_rates: Sequence[int],
        num_channels: int = 256,
        activation: Any = "relu",
        dropout: float = 0.0,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        if not isinstance(dilation_rates, list | tuple):
            raise ValueError(
                "Expected `dilation_rates` to be a list of positive integers, received "
                f"{dilation_rates!r}."
            )
        self.dilation_rates = [
            as_positive_int(f"dilation_rates[{index}]", rate)
            for index, rate in enumerate(dilation_rates)
        ]
        self.num_channels = as_positive_int("num_channels", num_channels)
        self.activation = activation
        self.dropout = as_rate("dropout", dropout)
        self._activate = ops.activation(activation)
        self.seed_generator = keras.random.SeedGenerator()
        self.branch_convs = [self._conv("branch_conv_0")]
        self.branch_convs += [
            self._conv(f"branch_conv_{index}", kernel_size=3, dilation_rate=rate)
            for index, rate in enumerate(self.dilation_rates, start=1)
        ]
        self.branch_norms = [
            self._norm(f"branch_norm_{index}")
            for index in range(len(self.branch_convs))
        ]
        self.pool_conv = self._conv("pool_conv")
        self.pool_norm = self._norm("pool_norm")
        self.output_conv = self._conv("output_conv")
        self.output_norm = self._norm("output_norm")

    def build(self, inputs_shape: Any) -> None:
        check_feature_map(inputs_shape)
        *sizes, _ = inputs_shape
        branch = (*sizes, self.num_channels)
        for conv in (*self.branch_convs, self.pool_conv):
            build_conv(conv, inputs_shape)
        width = self.num_channels * (len(self.branch_convs) + 1)
        build_conv(self.output_conv, (*sizes, width))
        for norm in (*self.branch_norms, self.pool_norm, self.output_norm):
            norm.build(branch)

    def call(self, inputs: Any, training: bool = False) -> Any:
        branches = [
            self._unit(conv, norm, inputs, training)
            for conv, norm in zip(self.branch_convs, self.branch_norms, strict=True)
        ]
        pooled = spatial_mean(inputs)[:, None, None, :]
        pooled = self._unit(self.pool_conv, self.pool_norm, pooled, training)
        pooled = keras.ops.broadcast_to(pooled, keras.ops.shape(branches[0]))
        x = keras.ops.concatenate([*branches, pooled], axis=-1)
        x = self._unit(self.output_conv, self.output_norm, x, training)
        if training and self.dropout:
            x = ops.dropout(x, self.dropout, self.seed_generator)
        return x

    def compute_output_shape(self, inputs_shape: Any) -> Any:
        return (*inputs_shape[:-1], self.num_channels)

    def _unit(self, conv: Any, norm: Any, x: Any, training: bool) -> Any:
        x = convolve(conv, x, self.dtype_policy)  # (B, H, W, D)
        return self._activate(batch_normalize(norm, x, self.dtype_policy, training))

    def _conv(
        self, name: str, kernel_size: int = 1, dilation_rate: int = 1
    ) -> keras.layers.Conv2D:
        return keras.layers.Conv2D(
            self.num_channels,
            kernel_size,
            padding="same",
            dilation_rate=dilation_rate,
            use_bias=False,
            data_format="channels_last",
            kernel_initializer=initializer("glorot_uniform"),
            dtype=self.dtype_policy,
            name=name,
        )

    def _norm(self, name: str) -> keras.layers.BatchNormalization:
        return keras.layers.BatchNormalization(dtype=self.dtype_policy, name=name)
