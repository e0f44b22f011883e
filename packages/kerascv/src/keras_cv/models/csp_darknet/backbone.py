"""CSPDarkNet, the backbone of YOLOX: cross-stage partial blocks behind a focus stem.

Papers: Wang et al., "CSPNet: A New Backbone that can Enhance Learning Capability of
CNN", 2019, https://arxiv.org/abs/1911.11929; Ge et al., "YOLOX", 2021,
https://arxiv.org/abs/2107.08430.
Original code: https://github.com/Megvii-BaseDetection/YOLOX.
Unusual: the stem moves pixels into channels before it convolves; the last stage pools
over windows of three sizes, and its blocks have no shortcuts. Images of odd sizes are
padded at the end, as KerasCV does, where YOLOX pads on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_fraction
from keras_cv.layers.conv_norm_activation import ConvNormActivation
from keras_cv.layers.spatial_pyramid_pooling_fast import SpatialPyramidPoolingFast
from keras_cv.models.csp_darknet.blocks import CSPBlock, FocusStem, SeparableConv
from keras_cv.models.image_backbone import (
    ImageBackbone,
    check_stackwise,
    image_input,
    pyramid_by_stride,
)


class CSPDarkNetBackbone(ImageBackbone):
    """CSPDarkNet: images `(B, H, W, C)` to features `(B, H / 32, W / 32, D)`.

    Level "P1" of the pyramid is the output of the stem, of stride 2; levels "P2" to
    "P5" are those of the stages, of strides 4 to 32.

    Args:
        stackwise_channels: channels per stage; the stem has half of the first.
        stackwise_depth: number of bottlenecks per stage.
        include_rescaling: whether pixels are in `[0, 255]`, and are divided by 255.
        use_depthwise: whether convolutions of 3 pixels, but for the stem's, are split
            into one within each channel and one of 1 pixel.
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
        >>> backbone = keras_cv.models.CSPDarkNetBackbone(
        ...     stackwise_channels=[8, 16], stackwise_depth=[1, 1],
        ...     include_rescaling=True,
        ... )
        >>> tuple(backbone(np.zeros((1, 64, 64, 3))).shape)
        (1, 8, 8, 16)
    """

    def __init__(
        self,
        *,
        stackwise_channels: Sequence[int],
        stackwise_depth: Sequence[int],
        include_rescaling: bool,
        use_depthwise: bool = False,
        input_shape: Sequence[int | None] = (None, None, 3),
        input_tensor: Any = None,
        batch_norm_epsilon: float = 1e-3,
        batch_norm_momentum: float = 0.99,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        stacks = {
            "stackwise_channels": list(stackwise_channels),
            "stackwise_depth": list(stackwise_depth),
        }
        check_stackwise(**stacks)
        options = {
            "activation": "silu",
            "batch_norm_epsilon": as_fraction("batch_norm_epsilon", batch_norm_epsilon),
            "batch_norm_momentum": as_fraction(
                "batch_norm_momentum", batch_norm_momentum
            ),
            "dtype": dtype,
        }
        # layers
        stem = FocusStem(stackwise_channels[0] // 2, name="stem", **options)
        downsample: Any = SeparableConv if use_depthwise else ConvNormActivation
        stages: list[list[Any]] = []
        for stage, (filters, depth) in enumerate(zip(*stacks.values(), strict=True)):
            is_last = stage == len(stackwise_depth) - 1
            name_of = f"stages_{stage}_{{}}".format
            layers = [downsample(filters, strides=2, name=name_of(0), **options)]
            if is_last:
                layers.append(
                    SpatialPyramidPoolingFast(filters, name=name_of(1), **options)
                )
            block = CSPBlock(
                filters,
                depth,
                shortcut=not is_last,
                use_depthwise=use_depthwise,
                name=name_of(len(layers)),
                **options,
            )
            stages.append([*layers, block])
        # functional model
        inputs, x = image_input(input_shape, input_tensor, include_rescaling, dtype)
        for layer in [stem, *sum(stages, [])]:
            x = layer(x)
        levels = pyramid_by_stride([stem, *sum(stages, [])])
        super().__init__(inputs, x, levels, name=name, trainable=trainable, dtype=dtype)
        self.stem = stem
        self.stages = stages
        for key, values in stacks.items():
            setattr(self, key, values)
