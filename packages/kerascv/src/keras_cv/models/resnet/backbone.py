"""ResNet, convolutions with shortcuts; version 2 has norm and ReLU before them.

Papers: He et al., "Deep Residual Learning for Image Recognition", 2015,
https://arxiv.org/abs/1512.03385; "Identity Mappings in Deep Residual Networks", 2016,
https://arxiv.org/abs/1603.05027.
Original code: https://github.com/KaimingHe/deep-residual-networks and
https://github.com/KaimingHe/resnet-1k-layers.
Unusual: published versions of the same network differ in where a bottleneck has its
stride (the paper: first convolution; most since: second), which block of a stage has it
(Keras' version 2: the last; most others: the first), how images are padded, and whether
convolutions have biases; each is an argument here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arguments import as_fraction, as_positive_int, check_choices
from keras_cv.layers.conv_norm_layer import NormActivation
from keras_cv.layers.conv_pool_stem import ConvPoolStem
from keras_cv.models.image_backbone import (
    ImageBackbone,
    check_stackwise,
    image_input,
    pyramid_by_stride,
)
from keras_cv.models.resnet.blocks import PreActivationBlock, ResidualBlock


class _ResNet(ImageBackbone):
    """What both versions share.

    Args, besides those of the versions:
        pre_activation: whether it is version 2.
        **options: what all layers take.
    """

    def __init__(
        self,
        *,
        stackwise_filters: Sequence[int],
        stackwise_blocks: Sequence[int],
        stackwise_strides: Sequence[int],
        include_rescaling: bool,
        input_shape: Sequence[int | None],
        input_tensor: Any,
        block_type: str,
        stem_filters: int,
        strided_conv: int,
        name: str | None,
        trainable: bool,
        dtype: Any,
        pre_activation: bool,
        stackwise_dilations: Sequence[int] | None = None,
        strided_block: str = "first",
        pool_counts_padding: bool = False,
        project_equal_shapes: bool = True,
        **options: Any,
    ) -> None:
        stacks = {
            "stackwise_filters": list(stackwise_filters),
            "stackwise_blocks": list(stackwise_blocks),
            "stackwise_strides": list(stackwise_strides),
        }
        dilations = list(stackwise_dilations or [1] * len(stackwise_filters))
        check_stackwise(**stacks, stackwise_dilations=dilations)
        as_positive_int("stem_filters", stem_filters)
        for key in ("batch_norm_epsilon", "batch_norm_momentum"):
            as_fraction(key, options[key])
        check_choices(
            block_type=(block_type, ("block", "basic_block")),
            strided_conv=(strided_conv, (1, 2)),
            strided_block=(strided_block, ("first", "last")),
            padding=(options["padding"], ("same", "symmetric")),
        )
        # layers
        options["dtype"] = dtype
        bottleneck = block_type == "block"
        block_cls = PreActivationBlock if pre_activation else ResidualBlock
        channels, stages = stem_filters, []
        for stage, (filters, count, strides) in enumerate(
            zip(*stacks.values(), strict=True)
        ):
            strides = strides if dilations[stage] == 1 else 1
            first = strided_block == "first"
            width = 4 * filters if bottleneck else filters
            needed = channels != width or (strides > 1 and first)
            optional = project_equal_shapes and (bottleneck or stage > 0)
            stages.append(
                [
                    block_cls(
                        filters,
                        bottleneck=bottleneck,
                        strides=strides if index == (0 if first else count - 1) else 1,
                        dilation=dilations[stage] if index > 0 else 1,
                        project=index == 0 and (needed or optional),
                        strided_conv=strided_conv,
                        name=f"stages_{stage}_{index}",
                        **options,
                    )
                    for index in range(count)
                ]
            )
            channels = width
        stem = ConvPoolStem(
            stem_filters,
            has_norm=not pre_activation,
            pool_counts_padding=pool_counts_padding,
            name="stem",
            **options,
        )
        last = [NormActivation(name="last", **options)] if pre_activation else []
        # functional model
        inputs, x = image_input(input_shape, input_tensor, include_rescaling, dtype)
        for layer in [stem, *sum(stages, []), *last]:
            x = layer(x)
        levels = pyramid_by_stride([stem, *sum(stages, [])])
        super().__init__(inputs, x, levels, name=name, trainable=trainable, dtype=dtype)
        self.stem = stem
        self.stages = stages
        if last:
            (self.last,) = last
        for key, values in stacks.items():
            setattr(self, key, values)


class ResNetBackbone(_ResNet):
    """ResNet v1: images `(B, H, W, C)` to features `(B, H / 32, W / 32, D)`.

    `D` is the last of `stackwise_filters`, times 4 for bottlenecks. Levels "P2" to
    "P5" of the pyramid are named by stride: usually the outputs of the stages.

    Args:
        stackwise_filters: channels per stage.
        stackwise_blocks: number of blocks per stage.
        stackwise_strides: stride of the first block of each stage.
        include_rescaling: whether pixels are in `[0, 255]`, and are divided by 255.
        input_shape: height, width and channels of images; sizes may be None.
        input_tensor: a `keras.Input` to start from, instead of a new one.
        block_type: "block" for bottlenecks of three convolutions (ResNet-50 and up),
            "basic_block" for two (ResNet-18 and 34).
        stem_filters: channels after the stem.
        strided_conv: which convolution of a block has its stride, 1 or 2.
        padding: "same", where an odd pixel goes to the end, or "symmetric".
        project_equal_shapes: whether the first block of each stage (of each but the
            first, for basic blocks) projects its shortcut even where it need not.
        use_bias: whether convolutions have biases.
        activation: a name that Keras knows.
        batch_norm_epsilon: added to variances.
        batch_norm_momentum: share of the old moving statistics kept per step.
        name: name of the model.
        trainable: whether its weights train.
        dtype: dtype policy of layers and weights.

    Raises:
        ValueError: if the lists differ in length or an argument is out of range.

    Example:
        >>> backbone = keras_cv.models.ResNetBackbone(
        ...     stackwise_filters=[16, 32], stackwise_blocks=[1, 1],
        ...     stackwise_strides=[1, 2], include_rescaling=True,
        ... )
        >>> tuple(backbone(np.zeros((1, 64, 64, 3))).shape)
        (1, 8, 8, 128)
    """

    def __init__(
        self,
        *,
        stackwise_filters: Sequence[int],
        stackwise_blocks: Sequence[int],
        stackwise_strides: Sequence[int],
        include_rescaling: bool,
        input_shape: Sequence[int | None] = (None, None, 3),
        input_tensor: Any = None,
        block_type: str = "block",
        stem_filters: int = 64,
        strided_conv: int = 1,
        padding: str = "same",
        project_equal_shapes: bool = True,
        use_bias: bool = False,
        activation: str = "relu",
        batch_norm_epsilon: float = 1.001e-5,
        batch_norm_momentum: float = 0.99,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(**self.arguments, pre_activation=False)


class ResNetV2Backbone(_ResNet):
    """ResNet v2: images `(B, H, W, C)` to features `(B, H / 32, W / 32, D)`.

    `D` is the last of `stackwise_filters`, times 4 for bottlenecks. Levels "P2" to
    "P5" of the pyramid are named by stride: usually the outputs of the stages.

    Args:
        stackwise_filters: channels per stage.
        stackwise_blocks: number of blocks per stage.
        stackwise_strides: stride of each stage.
        include_rescaling: whether pixels are in `[0, 255]`, and are divided by 255.
        stackwise_dilations: pixels between two weights of the convolutions of 3
            pixels, per stage, from its second block on. Other than 1 it replaces the
            stage's stride. None for 1.
        input_shape: height, width and channels of images; sizes may be None.
        input_tensor: a `keras.Input` to start from, instead of a new one.
        block_type: "block" for bottlenecks of three convolutions (ResNet-50 and up),
            "basic_block" for two (ResNet-18 and 34).
        stem_filters: channels after the stem.
        strided_conv: which convolution of a block has its stride, 1 or 2.
        strided_block: which block of a stage has its stride, "first" or "last".
        padding: "same", where an odd pixel goes to the end, or "symmetric".
        pool_counts_padding: whether zeros around the stem's features take part in its
            maximum, for "symmetric" padding.
        use_bias: whether the convolutions that no norm follows have biases: the
            stem's, shortcuts', and the last of each bottleneck.
        activation: a name that Keras knows.
        batch_norm_epsilon: added to variances.
        batch_norm_momentum: share of the old moving statistics kept per step.
        name: name of the model.
        trainable: whether its weights train.
        dtype: dtype policy of layers and weights.

    Raises:
        ValueError: if the lists differ in length or an argument is out of range.

    Example:
        >>> backbone = keras_cv.models.ResNetV2Backbone(
        ...     stackwise_filters=[16, 32], stackwise_blocks=[1, 1],
        ...     stackwise_strides=[1, 2], include_rescaling=True,
        ... )
        >>> sorted(backbone.pyramid_level_inputs)
        ['P2', 'P3']
    """

    def __init__(
        self,
        *,
        stackwise_filters: Sequence[int],
        stackwise_blocks: Sequence[int],
        stackwise_strides: Sequence[int],
        include_rescaling: bool,
        stackwise_dilations: Sequence[int] | None = None,
        input_shape: Sequence[int | None] = (None, None, 3),
        input_tensor: Any = None,
        block_type: str = "block",
        stem_filters: int = 64,
        strided_conv: int = 2,
        strided_block: str = "last",
        padding: str = "same",
        pool_counts_padding: bool = False,
        use_bias: bool = True,
        activation: str = "relu",
        batch_norm_epsilon: float = 1.001e-5,
        batch_norm_momentum: float = 0.99,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(**self.arguments, pre_activation=True)
