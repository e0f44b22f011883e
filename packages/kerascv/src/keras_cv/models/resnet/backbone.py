"""ResNet, convolutions with shortcuts.

Paper: He et al., "Deep Residual Learning for Image Recognition", 2015,
https://arxiv.org/abs/1512.03385.
Original code: https://github.com/KaimingHe/deep-residual-networks.
Unusual: published versions of the same network differ in where a bottleneck has its
stride (the paper: first convolution; most since: second), how images are padded, and
whether convolutions have biases; each is an argument here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_cv.layers.conv_pool_stem import ConvPoolStem
from keras_cv.models.image_backbone import ImageBackbone, image_input, pyramid_of
from keras_cv.models.resnet.blocks import ResidualBlock
from keras_cv.models.resnet.stages import make_stages


class ResNetBackbone(ImageBackbone):
    """ResNet v1: images `(B, H, W, C)` to features `(B, H / 32, W / 32, D)`.

    `D` is the last of `stackwise_filters`, times 4 for bottlenecks. Levels "P2" to
    "P5" of the pyramid are the outputs of the stages.

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
        stages: dict[str, Any] = {
            "stackwise_filters": list(stackwise_filters),
            "stackwise_blocks": list(stackwise_blocks),
            "stackwise_strides": list(stackwise_strides),
            "block_type": block_type,
            "stem_filters": stem_filters,
            "strided_conv": strided_conv,
            "project_equal_shapes": project_equal_shapes,
        }
        # layers
        options: dict[str, Any] = {
            "padding": padding,
            "use_bias": use_bias,
            "activation": activation,
            "batch_norm_epsilon": batch_norm_epsilon,
            "batch_norm_momentum": batch_norm_momentum,
        }
        blocks = make_stages(ResidualBlock, **stages, dtype=dtype, **options)
        stem = ConvPoolStem(stem_filters, name="stem", dtype=dtype, **options)
        # functional model
        inputs, x = image_input(input_shape, input_tensor, include_rescaling, dtype)
        for layer in [stem, *sum(blocks, [])]:
            x = layer(x)
        super().__init__(
            inputs, x, pyramid_of(blocks), name=name, trainable=trainable, dtype=dtype
        )
        # config
        self.stem = stem
        self.stages = blocks
        self.set_config(include_rescaling=include_rescaling, **stages, **options)
