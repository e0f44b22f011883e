"""EfficientNetV2: inverted bottlenecks, of which the early ones are fused.

Paper: Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", 2021,
https://arxiv.org/abs/2104.00298.
Original code: https://github.com/google/automl/tree/master/efficientnetv2.
Unusual: published versions differ in how images are padded, in the epsilon of norms,
and in whether fused blocks without an expansion have a second convolution; each is an
argument here. Sizes B1 to B3 are B0 by factors of width and depth.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from domain_core.arguments import (
    as_fraction,
    as_positive,
    as_positive_int,
    as_rate,
    check_choices,
)
from keras_cv.layers.conv_norm_activation import ConvNormActivation
from keras_cv.layers.fused_mb_conv_block import FusedMBConvBlock
from keras_cv.layers.mb_conv_block import MBConvBlock
from keras_cv.models.image_backbone import (
    ImageBackbone,
    check_stackwise,
    image_input,
    pyramid_by_stride,
)

_KINDS: dict[str, Any] = {"fused": FusedMBConvBlock, "unfused": MBConvBlock}
_PADDINGS = ("same", "symmetric")
_PER_STAGE = (
    *("num_repeats", "input_filters", "output_filters", "expansion_ratios"),
    *("squeeze_and_excite_ratios", "kernel_sizes", "strides"),
)
_TOP_FILTERS = 1280
_MAX_BLOCKS = 1000  # of a stage: the largest published has 25


class EfficientNetV2Backbone(ImageBackbone):
    """EfficientNetV2: images `(B, H, W, C)` to features `(B, H / 32, W / 32, D)`.

    `D` is 1,280 times `width_coefficient`. Levels "P1" to "P5" of the pyramid are the
    last features of strides 2 to 32, and "P5" the output.

    Args:
        include_rescaling: whether pixels are in `[0, 255]`, and are divided by 255.
        width_coefficient: factor of all numbers of channels.
        depth_coefficient: factor of `stackwise_num_repeats`, which are rounded up.
        stackwise_kernel_sizes: height and width of kernels per stage.
        stackwise_num_repeats: number of blocks per stage.
        stackwise_input_filters: channels that each stage is given; the first is that of
            the stem.
        stackwise_output_filters: channels of each stage.
        stackwise_expansion_ratios: channels inside blocks per channel of their input,
            per stage.
        stackwise_squeeze_and_excite_ratios: channels inside the squeeze-and-excitation
            per channel of the block's input, per stage; 0 for none.
        stackwise_strides: stride of the first block of each stage.
        stackwise_conv_types: "fused" or "unfused" per stage.
        skip_connection_dropout: share of samples that lose a block in training, at the
            end of the network; it grows with depth, from 0 for the first block on.
        depth_divisor: numbers of channels are rounded to multiples of it.
        min_depth: smallest number of channels.
        activation: a name that Keras knows.
        input_shape: height, width and channels of images; sizes may be None.
        input_tensor: a `keras.Input` to start from, instead of a new one.
        top_filters: `D`, instead of 1,280 times `width_coefficient`.
        always_project: whether fused blocks without an expansion have two convolutions
            as the others do.
        padding: "same", where an odd pixel goes to the end, or "symmetric".
        depthwise_padding: that of the convolutions within channels; None for `padding`.
        batch_norm_epsilon: added to variances.
        batch_norm_momentum: share of the old moving statistics kept per step.
        name: name of the model.
        trainable: whether its weights train.
        dtype: dtype policy of layers and weights.

    Raises:
        ValueError: if the lists differ in length, stages do not fit each other, or an
            argument is out of range.

    Example:
        >>> backbone = keras_cv.models.EfficientNetV2Backbone(
        ...     include_rescaling=True, width_coefficient=1.0, depth_coefficient=1.0,
        ...     stackwise_kernel_sizes=[3, 3], stackwise_num_repeats=[1, 2],
        ...     stackwise_input_filters=[8, 8], stackwise_output_filters=[8, 16],
        ...     stackwise_expansion_ratios=[1, 4],
        ...     stackwise_squeeze_and_excite_ratios=[0, 0.25],
        ...     stackwise_strides=[1, 2], stackwise_conv_types=["fused", "unfused"],
        ... )
        >>> tuple(backbone(np.zeros((1, 64, 64, 3))).shape)
        (1, 16, 16, 1280)
    """

    def __init__(
        self,
        *,
        include_rescaling: bool,
        width_coefficient: float,
        depth_coefficient: float,
        stackwise_kernel_sizes: Sequence[int],
        stackwise_num_repeats: Sequence[int],
        stackwise_input_filters: Sequence[int],
        stackwise_output_filters: Sequence[int],
        stackwise_expansion_ratios: Sequence[float],
        stackwise_squeeze_and_excite_ratios: Sequence[float],
        stackwise_strides: Sequence[int],
        stackwise_conv_types: Sequence[str],
        skip_connection_dropout: float = 0.2,
        depth_divisor: int = 8,
        min_depth: int = 8,
        activation: Any = "swish",
        input_shape: Sequence[int | None] = (None, None, 3),
        input_tensor: Any = None,
        top_filters: int | None = None,
        always_project: bool = False,
        padding: str = "same",
        depthwise_padding: str | None = None,
        batch_norm_epsilon: float = 1e-3,
        batch_norm_momentum: float = 0.9,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        stacks = {k: list(v) for k, v in self.arguments.items() if "stackwise" in k}
        _check(stacks, self.arguments)
        blocks, top_filters = scaled_sizes(self.arguments)
        # layers
        shared = {
            "activation": activation,
            "batch_norm_epsilon": as_fraction("batch_norm_epsilon", batch_norm_epsilon),
            "dtype": dtype,
        }
        options = {
            "padding": padding,
            "batch_norm_momentum": as_fraction(
                "batch_norm_momentum", batch_norm_momentum
            ),
            **shared,
        }
        stem_filters = blocks[0][0]["input_filters"]
        stem = ConvNormActivation(stem_filters, 3, strides=2, name="stem", **options)
        stages: list[list[Any]] = []
        total = sum(map(len, blocks))
        for stage, kind in enumerate(stackwise_conv_types):
            own: dict[str, Any] = {"padding": depthwise_padding or padding}
            if kind == "fused":
                own = {"padding": padding, "always_project": always_project}
            done = sum(map(len, stages))
            stages.append(
                [
                    _KINDS[kind](
                        **sizes,
                        bn_momentum=batch_norm_momentum,
                        survival_probability=1
                        - skip_connection_dropout * (done + index) / total,
                        name=f"stages_{stage}_{index}",
                        **shared,
                        **own,
                    )
                    for index, sizes in enumerate(blocks[stage])
                ]
            )
        top = ConvNormActivation(top_filters, 1, name="top", **options)
        # functional model
        inputs, x = image_input(input_shape, input_tensor, include_rescaling, dtype)
        layers = [stem, *sum(stages, []), top]
        for layer in layers:
            x = layer(x)
        super().__init__(
            inputs,
            x,
            pyramid_by_stride(layers),
            name=name,
            trainable=trainable,
            dtype=dtype,
        )
        self.stem = stem
        self.stages = stages
        self.top = top
        for key, values in stacks.items():
            setattr(self, key, values)


def scaled_sizes(config: Mapping[str, Any]) -> tuple[list[list[dict[str, Any]]], int]:
    """Returns the sizes of all blocks after both coefficients.

    Args:
        config: the constructor's arguments.

    Returns:
        Arguments of each block by stage, and the channels of the output.

    Raises:
        ValueError: if a stage is not given the channels that it expects.
    """
    width, divisor = config["width_coefficient"], config["depth_divisor"]

    def scaled(filters: int) -> int:
        rounded = int(filters * width + divisor / 2) // divisor * divisor
        return max(config["min_depth"], rounded)

    blocks: list[list[dict[str, Any]]] = []
    columns = (config[f"stackwise_{name}"] for name in _PER_STAGE)
    for repeats, given, filters, expand_ratio, se_ratio, size, strides in zip(
        *columns, strict=True
    ):
        given, filters = scaled(given), scaled(filters)
        if blocks and blocks[-1][-1]["output_filters"] != given:
            raise ValueError(
                "Expected `stackwise_input_filters` that are the channels of the stage "
                f"before, received {config['stackwise_input_filters']} after "
                f"{config['stackwise_output_filters']}."
            )
        sizes = {
            "output_filters": filters,
            "expand_ratio": expand_ratio,
            "se_ratio": se_ratio,
            "kernel_size": size,
        }
        count = math.ceil(repeats * config["depth_coefficient"])
        as_positive_int("stackwise_num_repeats * depth_coefficient", count, _MAX_BLOCKS)
        first = {"input_filters": given, "strides": strides, **sizes}
        other = {"input_filters": filters, "strides": 1, **sizes}
        blocks.append([first, *[other] * (count - 1)])
    return blocks, config["top_filters"] or scaled(_TOP_FILTERS)


def _check(stacks: Mapping[str, list[Any]], arguments: Mapping[str, Any]) -> None:
    check_stackwise(
        {
            "stackwise_expansion_ratios": as_positive,
            "stackwise_squeeze_and_excite_ratios": as_fraction,
            "stackwise_conv_types": lambda name, value: check_choices(
                **{name: (value, _KINDS)}
            ),
        },
        **stacks,
    )
    for key in ("width_coefficient", "depth_coefficient"):
        as_positive(key, arguments[key])
    for key in ("depth_divisor", "min_depth"):
        as_positive_int(key, arguments[key])
    if arguments["top_filters"] is not None:
        as_positive_int("top_filters", arguments["top_filters"])
    as_rate("skip_connection_dropout", arguments["skip_connection_dropout"])
    check_choices(
        padding=(arguments["padding"], _PADDINGS),
        depthwise_padding=(arguments["depthwise_padding"], (None, *_PADDINGS)),
    )
