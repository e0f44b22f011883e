"""What reads boxes or classes from each level of RetinaNet's pyramid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops as keras_ops

from domain_core import initializer, ops
from domain_core.arguments import as_positive_int
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.layers.conv_norm import build_conv, convolve, make_conv


@serializable("kerascv>retinanet")
class PredictionHead(RemembersArguments, keras.layers.Layer):
    """Convolutions of 3x3 with ReLU, and one more without, the same for all levels.

    Args:
        output_filters: channels `K` of the output.
        bias_initializer: of the last convolution: how probable objects are at first.
        num_conv_layers: number of convolutions before the last.
        num_channels: channels of these.

    Call arguments:
        features: a tensor `(B, H, W, C)`, or a dict of such.

    Returns:
        `(B, H, W, K)`, or a dict of such.

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection", 2017,
        https://arxiv.org/abs/1708.02002, section 4.

    Example:
        >>> head = keras_cv.models.retinanet.PredictionHead(36, "zeros", num_channels=8)
        >>> tuple(head(np.ones((1, 4, 4, 8))).shape)
        (1, 4, 4, 36)
    """

    def __init__(
        self,
        output_filters: int,
        bias_initializer: Any,
        num_conv_layers: int = 3,
        *,
        num_channels: int = 256,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.output_filters = as_positive_int("output_filters", output_filters)
        self.num_conv_layers = as_positive_int("num_conv_layers", num_conv_layers)
        self.num_channels = as_positive_int("num_channels", num_channels)
        self.bias_initializer = keras.initializers.get(bias_initializer)
        self.kernel_initializer = keras.initializers.RandomNormal(stddev=0.01)
        self.convs = [
            make_conv(num_channels, 3, f"conv_{index}", self, use_bias=True)
            for index in range(num_conv_layers)
        ]
        self.last = make_conv(output_filters, 3, "last", self, use_bias=True)
        self.last.bias_initializer = initializer(self.bias_initializer)
        self.activate = ops.activation_in_place("relu")

    def build(self, features_shape: Any) -> None:
        shape = features_shape
        if isinstance(shape, Mapping):
            shape = next(iter(shape.values()))
        channels = shape[-1]
        for conv in self.convs:
            build_conv(conv, (None, None, None, channels))
            channels = self.num_channels
        build_conv(self.last, (None, None, None, channels))

    def call(self, features: Any) -> Any:
        if isinstance(features, Mapping):
            return {level: self._read(x) for level, x in features.items()}
        return self._read(features)

    def compute_output_shape(self, features_shape: Any) -> Any:
        if isinstance(features_shape, Mapping):
            return {
                level: (*shape[:-1], self.output_filters)
                for level, shape in features_shape.items()
            }
        return (*features_shape[:-1], self.output_filters)

    def _read(self, x: Any) -> Any:
        for conv in self.convs:
            x = self.activate(convolve(conv, x, self.dtype_policy))
        return convolve(self.last, x, self.dtype_policy)


class AnchorRows(keras.layers.Layer):
    """Joins the maps of all levels to one row per anchor, in float32.

    Args:
        width: numbers per anchor `K`.

    Call arguments:
        maps: dict of tensors `(B, H, W, A * K)`, the finest level first.

    Returns:
        `(B, N, K)`.
    """

    def __init__(self, width: int, name: str | None = None) -> None:
        super().__init__(name=name, dtype="float32", autocast=False)
        self.width = width

    def call(self, maps: Mapping[str, Any]) -> Any:
        rows = [
            keras_ops.reshape(
                keras_ops.cast(x, "float32"), (-1, _count(x, self.width), self.width)
            )
            for x in maps.values()
        ]
        return keras_ops.concatenate(rows, axis=1)

    def compute_output_shape(self, maps_shape: Any) -> tuple:
        counts = [
            None if None in shape else shape[1] * shape[2] * shape[3] // self.width
            for shape in ((0, *s[1:]) for s in maps_shape.values())
        ]
        batch = next(iter(maps_shape.values()))[0]
        return (batch, None if None in counts else sum(counts), self.width)


def _count(x: Any, width: int) -> Any:
    _, height, columns, channels = keras_ops.shape(x)
    return height * columns * (channels // width)
