"""What YOLOv8's backbone, neck and head are made of."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import ops
from domain_core.serialization import serializable
from keras_cv.layers.conv_norm_layer import ConvNormLayer


class YOLOV8Layer(ConvNormLayer):
    """Base of layers that hold layers of YOLOv8, and share their options with them.

    Args:
        padding: see `ConvNormLayer`.
        activation: see `ConvNormLayer`.
        batch_norm_epsilon: see `ConvNormLayer`.
        batch_norm_momentum: see `ConvNormLayer`.
        name: see `ConvNormLayer`.
        trainable: see `ConvNormLayer`.
        dtype: see `ConvNormLayer`.
    """

    def __init__(
        self,
        *,
        padding: str = "symmetric",
        activation: str = "swish",
        batch_norm_epsilon: float = 1e-3,
        batch_norm_momentum: float = 0.97,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(**self.arguments)

    def add(
        self,
        cls: type[ConvNormLayer],
        name: str,
        channels: int,
        *args: Any,
        **more: Any,
    ) -> None:
        """Makes and builds a layer as attribute `name`, with the options of this one.

        Args:
            cls: its class.
            name: its attribute.
            channels: of its input.
            *args: its own arguments.
            **more: its own arguments.
        """
        layer = cls(
            *args,
            padding=self.padding,
            activation=self.activation,
            batch_norm_epsilon=self.batch_norm_epsilon,
            batch_norm_momentum=self.batch_norm_momentum,
            name=name,
            dtype=self.dtype_policy,
            **more,
        )
        layer.build((None, None, None, channels))
        setattr(self, name, layer)


@serializable("kerascv")
class C2fBlock(ConvNormLayer):
    """A cross-stage partial block that keeps what each bottleneck gives.

    A convolution of 1 pixel gives two halves. The second goes through bottlenecks of
    two convolutions of 3 pixels each; another of 1 pixel mixes both halves and the
    outputs of all bottlenecks.

    Args:
        filters: number of output channels.
        depth: number of bottlenecks.
        shortcut: whether a bottleneck's input is added to its output.
        **options: see `ConvNormLayer`.

    Call arguments:
        x: tensor `(B, H, W, C)`.

    Returns:
        Tensor `(B, H, W, filters)`.
    """

    def __init__(
        self, filters: int, depth: int, *, shortcut: bool = True, **options: Any
    ) -> None:
        super().__init__(**options)
        self.filters = self.width = filters
        self.depth = depth
        self.shortcut = shortcut

    def build(self, x_shape: Any) -> None:
        hidden = self.filters // 2
        self.add_conv_norm("input_", x_shape[-1], 2 * hidden, 1)
        for index in range(self.depth):
            for part in (1, 2):
                self.add_conv_norm(f"bottleneck_{index}_{part}_", hidden, hidden, 3)
        self.add_conv_norm("output_", (2 + self.depth) * hidden, self.filters, 1)

    def call(self, x: Any, training: bool = False) -> Any:
        x = self.conv_norm_activate("input_", x, training)
        maps = list(keras.ops.split(x, 2, axis=-1))
        for index in range(self.depth):
            y = maps[-1]
            for part in (1, 2):
                y = self.conv_norm_activate(f"bottleneck_{index}_{part}_", y, training)
            maps.append(ops.add_in_place(y, maps[-1]) if self.shortcut else y)
        x = keras.ops.concatenate(maps, axis=-1)  # (B, H, W, (2 + depth) filters / 2)
        return self.conv_norm_activate("output_", x, training)
