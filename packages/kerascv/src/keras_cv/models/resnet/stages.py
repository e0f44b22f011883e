"""The stages of a ResNet from lists of their sizes."""

from __future__ import annotations

from typing import Any

import keras

from keras_cv.models.resnet.blocks import ResidualBlock

_CHOICES = {
    "block_type": ("block", "basic_block"),
    "strided_conv": (1, 2),
    "strided_block": ("first", "last"),
    "padding": ("same", "symmetric"),
}


def check_arguments(**arguments: Any) -> None:
    """Raises ValueError if an argument of a ResNet is out of range."""
    for name, choices in _CHOICES.items():
        if arguments.get(name, choices[0]) not in choices:
            raise ValueError(
                f"Expected `{name}` to be {choices[0]!r} or {choices[1]!r}, received "
                f"{arguments[name]!r}."
            )
    lists = {name: value for name, value in arguments.items() if "stackwise" in name}
    lists = {name: value for name, value in lists.items() if value is not None}
    lists["stem_filters"] = [arguments["stem_filters"]] * len(
        lists["stackwise_filters"]
    )
    for name, values in lists.items():
        if not all(isinstance(v, int) and v > 0 for v in values):
            raise ValueError(f"Expected `{name}` to be positive, received {values}.")
    if (
        len({len(values) for values in lists.values()}) > 1
        or not lists["stackwise_filters"]
    ):
        raise ValueError(
            "Expected lists with one number per stage, of equal length, received "
            f"{lists}."
        )


def make_stages(
    block_cls: type[ResidualBlock],
    *,
    stackwise_filters: list[int],
    stackwise_blocks: list[int],
    stackwise_strides: list[int],
    stackwise_dilations: list[int] | None = None,
    block_type: str,
    stem_filters: int,
    project_equal_shapes: bool = True,
    strided_block: str = "first",
    **options: Any,
) -> list[list[keras.layers.Layer]]:
    """Makes the blocks of each stage.

    Args:
        block_cls: `ResidualBlock` or `PreActivationBlock`.
        stackwise_filters: see `ResNetBackbone`.
        stackwise_blocks: see `ResNetBackbone`.
        stackwise_strides: see `ResNetBackbone`.
        stackwise_dilations: see `ResNetV2Backbone`.
        block_type: see `ResNetBackbone`.
        stem_filters: channels of the first stage's input.
        project_equal_shapes: see `ResNetBackbone`.
        strided_block: which block of a stage has its stride, "first" or "last".
        **options: further arguments of every block.

    Returns:
        Blocks by stage.
    """
    stages: list[list[keras.layers.Layer]] = []
    bottleneck = block_type == "block"
    channels = stem_filters
    dilations = stackwise_dilations or [1] * len(stackwise_filters)
    for stage, (filters, count, strides, dilation) in enumerate(
        zip(
            stackwise_filters,
            stackwise_blocks,
            stackwise_strides,
            dilations,
            strict=True,
        )
    ):
        strided = 0 if strided_block == "first" else count - 1
        blocks = []
        for index in range(count):
            block_strides = strides if index == strided and dilation == 1 else 1
            width = 4 * filters if bottleneck else filters
            optional = project_equal_shapes and (bottleneck or stage > 0)
            needed = channels != width or (strided_block == "first" and strides > 1)
            blocks.append(
                block_cls(
                    filters,
                    bottleneck=bottleneck,
                    strides=block_strides,
                    dilation=dilation if index > 0 else 1,
                    project=index == 0 and (optional or needed),
                    name=f"stages_{stage}_{index}",
                    **options,
                )
            )
            channels = width
        stages.append(blocks)
    return stages
