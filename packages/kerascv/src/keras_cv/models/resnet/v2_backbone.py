"""ResNet v2: norm and ReLU before each convolution, shortcuts without either.

Paper: He et al., "Identity Mappings in Deep Residual Networks", 2016,
https://arxiv.org/abs/1603.05027.
Original code: https://github.com/KaimingHe/resnet-1k-layers.
Unusual: in Keras' published weights the stride of a stage is in its last block, most
others have it in the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_cv.layers.conv_norm_layer import NormActivation
from keras_cv.layers.conv_pool_stem import ConvPoolStem
from keras_cv.models.image_backbone import ImageBackbone, image_input, pyramid_of
from keras_cv.models.resnet.blocks import PreActivationBlock
from keras_cv.models.resnet.stages import make_stages


class ResNetV2Backbone(ImageBackbone):
    """ResNet v2: images `(B, H, W, C)` to features `(B, H / 32, W / 32, D)`.

    `D` is the last of `stackwise_filters`, times 4 for bottlenecks. Levels "P2" to
    "P5" of the pyramid are the outputs of the stages.

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
        stages: dict[str, Any] = {
            "stackwise_filters": list(stackwise_filters),
            "stackwise_blocks": list(stackwise_blocks),
            "stackwise_strides": list(stackwise_strides),
            "stackwise_dilations": stackwise_dilations and list(stackwise_dilations),
            "block_type": block_type,
            "stem_filters": stem_filters,
            "strided_conv": strided_conv,
            "strided_block": strided_block,
        }
        # layers
        options: dict[str, Any] = {
            "padding": padding,
            "use_bias": use_bias,
            "activation": activation,
            "batch_norm_epsilon": batch_norm_epsilon,
            "batch_norm_momentum": batch_norm_momentum,
        }
        blocks = make_stages(PreActivationBlock, **stages, dtype=dtype, **options)
        pool = {"pool_counts_padding": pool_counts_padding}
        stem = ConvPoolStem(
            stem_filters, has_norm=False, name="stem", dtype=dtype, **pool, **options
        )
        last = NormActivation(name="last", dtype=dtype, **options)
        # functional model
        inputs, x = image_input(input_shape, input_tensor, include_rescaling, dtype)
        for layer in [stem, *sum(blocks, []), last]:
            x = layer(x)
        super().__init__(
            inputs, x, pyramid_of(blocks), name=name, trainable=trainable, dtype=dtype
        )
        # config
        self.stem = stem
        self.stages = blocks
        self.last = last
        self.set_config(
            include_rescaling=include_rescaling, **pool, **stages, **options
        )
