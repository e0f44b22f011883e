"""The backbone of YOLOv8.

No paper. Original code: https://github.com/ultralytics/ultralytics.
Unusual: stages of blocks that keep what each bottleneck gives, without pooling after
the stem; the last stage pools over windows of three sizes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_fraction
from keras_cv.layers.conv_norm_activation import ConvNormActivation
from keras_cv.layers.spatial_pyramid_pooling_fast import SpatialPyramidPoolingFast
from keras_cv.models.image_backbone import (
    ImageBackbone,
    check_stackwise,
    image_input,
    pyramid_by_stride,
)
from keras_cv.models.yolov8.blocks import C2fBlock


class YOLOV8Backbone(ImageBackbone):
    """YOLOv8: images `(B, H, W, C)` to features `(B, H / 32, W / 32, D)`.

    Level "P1" of the pyramid is the output of the first convolution, of stride 2;
    levels "P2" to "P5" are those of the stages, of strides 4 to 32.

    Args:
        stackwise_channels: channels per stage; the first convolution has half of the
            first.
        stackwise_depth: number of bottlenecks per stage.
        include_rescaling: whether pixels are in `[0, 255]`, and are divided by 255.
        activation: a name that Keras knows.
        input_shape: height, width and channels of images; sizes may be None.
        input_tensor: a `keras.Input` to start from, instead of a new one.
        batch_norm_epsilon: added to variances.
        batch_norm_momentum: share of the old moving statistics kept per step.
        name: name of the model.
        trainable: whether its weights train.
        dtype: dtype policy of layers and weights.

    Raises:
        ValueError: if the lists differ in length or an argument is out of range.

    Example:
        >>> backbone = keras_cv.models.YOLOV8Backbone(
        ...     stackwise_channels=[8, 16], stackwise_depth=[1, 1],
        ...     include_rescaling=True,
        ... )
        >>> sorted(backbone.pyramid_level_inputs)
        ['P1', 'P2', 'P3']
    """

    def __init__(
        self,
        stackwise_channels: Sequence[int],
        stackwise_depth: Sequence[int],
        include_rescaling: bool,
        activation: str = "swish",
        input_shape: Sequence[int | None] = (None, None, 3),
        input_tensor: Any = None,
        *,
        batch_norm_epsilon: float = 1e-3,
        batch_norm_momentum: float = 0.97,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        stacks = {
            "stackwise_channels": list(stackwise_channels),
            "stackwise_depth": list(stackwise_depth),
        }
        check_stackwise(**stacks)
        options: dict[str, Any] = {
            "padding": "symmetric",
            "activation": activation,
            "batch_norm_epsilon": as_fraction("batch_norm_epsilon", batch_norm_epsilon),
            "batch_norm_momentum": as_fraction(
                "batch_norm_momentum", batch_norm_momentum
            ),
            "dtype": dtype,
        }
        # layers
        first = stackwise_channels[0]
        stem = [
            ConvNormActivation(filters, strides=2, name=f"stem_{index}", **options)
            for index, filters in enumerate((first // 2, first))
        ]
        stages: list[list[Any]] = []
        for stage, (filters, depth) in enumerate(zip(*stacks.values(), strict=True)):
            parts: list[Any] = [(C2fBlock, {"depth": depth})]
            if stage > 0:
                parts.insert(0, (ConvNormActivation, {"strides": 2}))
            if stage == len(stackwise_depth) - 1:
                parts.append((SpatialPyramidPoolingFast, {}))
            stages.append(
                [
                    part(filters, name=f"stages_{stage}_{index}", **more, **options)
                    for index, (part, more) in enumerate(parts)
                ]
            )
        # functional model
        inputs, x = image_input(input_shape, input_tensor, include_rescaling, dtype)
        for layer in [*stem, *sum(stages, [])]:
            x = layer(x)
        levels = pyramid_by_stride([*stem, *sum(stages, [])])
        super().__init__(inputs, x, levels, name=name, trainable=trainable, dtype=dtype)
        self.stem = stem
        self.stages = stages
        for key, values in stacks.items():
            setattr(self, key, values)
