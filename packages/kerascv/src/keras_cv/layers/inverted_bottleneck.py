"""What the blocks of EfficientNets and MobileNets share: a wide middle, thin ends."""

from __future__ import annotations

from typing import Any

from domain_core import ops
from domain_core.arguments import as_finite, as_fraction, as_positive_int
from keras_cv.layers.conv_norm_layer import ConvNormLayer
from keras_cv.layers.drop_path import DropPath
from keras_cv.layers.feature_maps import check_feature_map
from keras_cv.layers.squeeze_and_excite_2d import SqueezeAndExcite2D


class InvertedBottleneck(ConvNormLayer):
    """Base of blocks that expand, filter, and project to few channels again.

    The shortcut around the block is there where it keeps the shape. In training it is
    all that is left of some samples: each loses the rest with probability
    `1 - survival_probability`, see `DropPath`.

    A subclass makes its layers in `build`, after that of this class, and ends `call` by
    `add_shortcut`. Arguments are those of `MBConvBlock`.

    Attributes:
        expanded_filters: channels in the middle.
        squeeze_filters: channels inside the squeeze-and-excitation; 0 without.
    """

    def __init__(
        self,
        *,
        input_filters: int,
        output_filters: int,
        expand_ratio: float,
        kernel_size: int,
        strides: int,
        se_ratio: float,
        bn_momentum: float,
        activation: Any,
        survival_probability: float,
        squeeze_filters: int | None = None,
        squeeze_activation: Any = None,
        excite_activation: Any = "sigmoid",
        batch_norm_epsilon: float,
        padding: str,
        seed: int | None,
        name: str | None,
        trainable: bool,
        dtype: Any,
    ) -> None:
        super().__init__(
            padding=padding,
            activation=activation,
            batch_norm_epsilon=as_fraction("batch_norm_epsilon", batch_norm_epsilon),
            batch_norm_momentum=as_fraction("bn_momentum", bn_momentum),
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        self.input_filters = as_positive_int("input_filters", input_filters)
        self.output_filters = as_positive_int("output_filters", output_filters)
        self.expand_ratio = as_finite("expand_ratio", expand_ratio)
        self.expanded_filters = as_positive_int(
            "input_filters * expand_ratio", round(input_filters * self.expand_ratio)
        )
        self.kernel_size = as_positive_int("kernel_size", kernel_size)
        self.strides = as_positive_int("strides", strides)
        self.se_ratio = as_fraction("se_ratio", se_ratio)
        if squeeze_filters is None:
            squeeze_filters = int(input_filters * self.se_ratio) or int(se_ratio > 0)
        self.squeeze_filters = squeeze_filters
        self.squeeze_activation = squeeze_activation
        self.excite_activation = excite_activation
        self.survival_probability = as_fraction(
            "survival_probability", survival_probability
        )
        if not self.survival_probability:
            raise ValueError(
                "Expected `survival_probability` in (0, 1], the share of samples that "
                "the block does something to, received 0. Leave the block out."
            )
        self.output_stride, self.width = self.strides, self.output_filters
        self.has_shortcut = self.strides == 1 and input_filters == output_filters
        drops = self.has_shortcut and self.survival_probability < 1
        self.drop_path = None
        if drops:
            self.drop_path = DropPath(
                1 - self.survival_probability, seed, dtype=self.dtype_policy
            )

    def build(self, x_shape: Any) -> None:
        check_feature_map(x_shape, channels=self.input_filters)
        if self.drop_path is not None:
            self.drop_path.build((None, *x_shape[1:3], self.width))

    def add_squeeze(self, channels: int) -> None:
        """Makes and builds the squeeze-and-excitation, if there is one."""
        if self.squeeze_filters:
            self.squeeze_excite = SqueezeAndExcite2D(
                channels,
                self.squeeze_filters,
                self.squeeze_activation or self.activation,
                self.excite_activation,
                dtype=self.dtype_policy,
                name="squeeze_excite",
            )
            self.squeeze_excite.build((None, None, None, channels))

    def squeeze(self, x: Any) -> Any:
        """Applies the squeeze-and-excitation, if there is one."""
        # A layer that is no more than its dense layers, which see to themselves.
        return self.squeeze_excite.call(x) if self.squeeze_filters else x

    def add_shortcut(self, x: Any, y: Any, training: bool) -> Any:
        """Returns the output of the block.

        Args:
            x: its input.
            y: what it makes of it, which may be overwritten.
            training: whether to drop.
        """
        if not self.has_shortcut:
            return y
        if self.drop_path is not None:
            y = self.drop_path.call(y, training)
        return ops.add_in_place(y, x)
