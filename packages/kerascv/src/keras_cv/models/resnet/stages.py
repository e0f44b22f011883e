"""The stages of a ResNet from lists of their sizes."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_fraction, as_positive_int, check_choices
from keras_cv.models.image_backbone import check_stackwise
from keras_cv.models.resnet.blocks import ResidualBlock


def make_stages(
    block_cls: type[ResidualBlock],
    *,
    stackwise_filters: list[int],
    stackwise_blocks: list[int],
    stackwise_strides: list[int],
    stackwise_dilations: list[int] | None = None,
    block_type: str,
    stem_filters: int,
    strided_conv: int,
    strided_block: str = "first",
    project_equal_shapes: bool = True,
    padding: str,
    **options: Any,
) -> list[list[ResidualBlock]]:
    """Makes the blocks of each stage.

    Arguments but the first and `stem_filters`, the channels before the first stage, are
    those of the backbones; further ones go to every block.

    Returns:
        Blocks by stage.

    Raises:
        ValueError: if the lists differ in length or an argument is out of range.
    """
    check_stackwise(
        stackwise_filters=stackwise_filters,
        stackwise_blocks=stackwise_blocks,
        stackwise_strides=stackwise_strides,
        stackwise_dilations=stackwise_dilations or stackwise_strides,
    )
    as_positive_int("stem_filters", stem_filters)
    for name in ("batch_norm_epsilon", "batch_norm_momentum"):
        as_fraction(name, options[name])
    check_choices(
        block_type=(block_type, ("block", "basic_block")),
        strided_conv=(strided_conv, (1, 2)),
        strided_block=(strided_block, ("first", "last")),
        padding=(padding, ("same", "symmetric")),
    )
    options |= {"strided_conv": strided_conv, "padding": padding}
    bottleneck = block_type == "block"
    dilations = stackwise_dilations or [1] * len(stackwise_filters)
    channels, stages = stem_filters, []
    for stage, filters in enumerate(stackwise_filters):
        count = stackwise_blocks[stage]
        strides = stackwise_strides[stage] if dilations[stage] == 1 else 1
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
                    name=f"stages_{stage}_{index}",
                    **options,
                )
                for index in range(count)
            ]
        )
        channels = width
    return stages
