"""MobileNetV3: inverted bottlenecks for phones, found by a search.

Paper: Howard et al., "Searching for MobileNetV3", 2019,
https://arxiv.org/abs/1905.02244.
Original code:
https://github.com/tensorflow/models/tree/master/research/slim/nets/mobilenet.
Unusual: numbers of channels are rounded to multiples of 8, inside the
squeeze-and-excitation, too. Published versions differ in how images are padded and in
the epsilon of norms. Keras pads images of unknown size as if no map in them had an odd
size; here padding goes by the size that there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from domain_core.arguments import (
    as_fraction,
    as_positive,
    as_positive_int,
    check_choices,
)
from keras_cv.layers.conv_norm_activation import ConvNormActivation
from keras_cv.layers.mb_conv_block import MBConvBlock
from keras_cv.models.image_backbone import (
    ImageBackbone,
    check_stackwise,
    image_input,
    pyramid_by_stride,
)

_DIVISOR = 8
_TOP_EXPANSION = 6


class MobileNetV3Backbone(ImageBackbone):
    """MobileNetV3: images `(B, H, W, C)` to features `(B, H / 32, W / 32, D)`.

    `D` is 6 times the channels of the last block. Levels "P1" to "P5" of the pyramid
    are the last features of strides 2 to 32; "P5" is the output of the last block,
    before its channels become `D`.

    Args:
        stackwise_expansion: channels inside each block per channel of its input.
        stackwise_filters: channels of each block.
        stackwise_kernel_size: height and width of the kernel of each block.
        stackwise_stride: stride of each block.
        stackwise_se_ratio: channels inside the squeeze-and-excitation of each block per
            channel inside the block; None for none.
        stackwise_activation: activation of each block, a name that Keras knows.
        include_rescaling: whether pixels are in `[0, 255]`, and are divided by 255.
        input_shape: height, width and channels of images; sizes may be None.
        input_tensor: a `keras.Input` to start from, instead of a new one.
        alpha: factor of `stackwise_filters`.
        stem_filters: channels after the first convolution.
        top_filters: `D`, instead of by the last block.
        activation: of the first and the last convolution.
        padding: "same", where an odd pixel goes to the end, or "symmetric".
        batch_norm_epsilon: added to variances.
        batch_norm_momentum: share of the old moving statistics kept per step.
        name: name of the model.
        trainable: whether its weights train.
        dtype: dtype policy of layers and weights.

    Raises:
        ValueError: if the lists differ in length or an argument is out of range.

    Example:
        >>> backbone = keras_cv.models.MobileNetV3Backbone(
        ...     stackwise_expansion=[1, 4], stackwise_filters=[16, 24],
        ...     stackwise_kernel_size=[3, 5], stackwise_stride=[2, 2],
        ...     stackwise_se_ratio=[None, 0.25],
        ...     stackwise_activation=["relu", "hard_swish"], include_rescaling=True,
        ... )
        >>> tuple(backbone(np.zeros((1, 64, 64, 3))).shape)
        (1, 8, 8, 144)
    """

    def __init__(
        self,
        *,
        stackwise_expansion: Sequence[float],
        stackwise_filters: Sequence[int],
        stackwise_kernel_size: Sequence[int],
        stackwise_stride: Sequence[int],
        stackwise_se_ratio: Sequence[float | None],
        stackwise_activation: Sequence[str],
        include_rescaling: bool,
        input_shape: Sequence[int | None] = (None, None, 3),
        input_tensor: Any = None,
        alpha: float = 1.0,
        stem_filters: int = 16,
        top_filters: int | None = None,
        activation: str = "hard_swish",
        padding: str = "same",
        batch_norm_epsilon: float = 1e-3,
        batch_norm_momentum: float = 0.999,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        stacks = {k: list(v) for k, v in self.arguments.items() if "stackwise" in k}
        _check(stacks, self.arguments)
        # layers
        shared = {
            "padding": padding,
            "batch_norm_epsilon": as_fraction("batch_norm_epsilon", batch_norm_epsilon),
            "dtype": dtype,
        }
        options = {
            "activation": activation,
            "batch_norm_momentum": as_fraction(
                "batch_norm_momentum", batch_norm_momentum
            ),
            **shared,
        }
        stem = ConvNormActivation(stem_filters, 3, strides=2, name="stem", **options)
        sizes, last = block_sizes(self.arguments)
        blocks = [
            MBConvBlock(
                given,
                filters,
                expanded / given,
                stackwise_kernel_size[index],
                stackwise_stride[index],
                bn_momentum=batch_norm_momentum,
                activation=stackwise_activation[index],
                survival_probability=1,
                squeeze_filters=squeezed,
                squeeze_activation="relu",
                excite_activation="hard_sigmoid",
                name=f"blocks_{index}",
                **shared,
            )
            for index, (given, expanded, squeezed, filters) in enumerate(sizes)
        ]
        top = ConvNormActivation(last, 1, name="top", **options)
        # functional model
        inputs, x = image_input(input_shape, input_tensor, include_rescaling, dtype)
        for layer in [stem, *blocks, top]:
            x = layer(x)
        levels = pyramid_by_stride([stem, *blocks])
        super().__init__(inputs, x, levels, name=name, trainable=trainable, dtype=dtype)
        self.stem = stem
        self.blocks = blocks
        self.top = top
        for key, values in stacks.items():
            setattr(self, key, values)


def block_sizes(
    config: Mapping[str, Any],
) -> tuple[list[tuple[int, int, int, int]], int]:
    """Returns the channels of all blocks, and of the output.

    Args:
        config: the constructor's arguments.

    Returns:
        For each block those of its input, inside, inside the squeeze-and-excitation (0
        for none), and of its output; and the channels of the model's output.
    """
    sizes, given = [], config["stem_filters"]
    for expansion, filters, se_ratio in zip(
        config["stackwise_expansion"],
        config["stackwise_filters"],
        config["stackwise_se_ratio"],
        strict=True,
    ):
        filters = _rounded(filters * config["alpha"])
        expanded = given if expansion == 1 else _rounded(given * expansion)
        squeezed = _rounded(expanded * se_ratio) if se_ratio else 0
        sizes.append((given, expanded, squeezed, filters))
        given = filters
    return sizes, config["top_filters"] or _rounded(_TOP_EXPANSION * given)


def _rounded(filters: float) -> int:
    """Returns the nearest multiple of 8 that is no more than a tenth below."""
    nearest = max(_DIVISOR, int(filters + _DIVISOR / 2) // _DIVISOR * _DIVISOR)
    return nearest + _DIVISOR if nearest < 0.9 * filters else nearest


def _check(stacks: Mapping[str, list[Any]], arguments: Mapping[str, Any]) -> None:
    check_stackwise(
        {
            "stackwise_expansion": as_positive,
            "stackwise_se_ratio": lambda name, value: as_fraction(name, value or 0),
            "stackwise_activation": lambda name, value: None,  # the block looks at it
        },
        **stacks,
    )
    as_positive("alpha", arguments["alpha"])
    as_positive_int("stem_filters", arguments["stem_filters"])
    if arguments["top_filters"] is not None:
        as_positive_int("top_filters", arguments["top_filters"])
    check_choices(padding=(arguments["padding"], ("same", "symmetric")))
