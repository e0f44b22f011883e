"""CSPDarkNet as KerasCV published it, and how it is sharded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core import WeightMap
from keras_cv.models import keras_classes
from keras_cv.models.csp_darknet.backbone import CSPDarkNetBackbone

# The axis "width", of output channels, is what a model-parallel mesh splits; kernels
# within channels have none.
SHARDING = {
    r"(stem|stages\.\d+\.\d+)\.(?!.*depthwise).*conv\.kernel": (
        *(None, None, None),
        "width",
    )
}


def _weights(config: Mapping[str, Any]) -> WeightMap:
    depths, split = config["stackwise_depth"], config["use_depthwise"]
    table = _unit("layers/sequential_0/", "stem.")
    for stage, depth in enumerate(depths):
        path = f"stages.{stage}."
        is_last = stage == len(depths) - 1
        table |= _unit(f"layers/sequential_{stage + 1}/", f"{path}0.", split)
        if is_last:
            table |= _unit(f"layers/sequential_{stage + 2}/", f"{path}1.input_")
            table |= _unit(f"layers/sequential_{stage + 3}/", f"{path}1.output_")
        block = f"layers/cross_stage_partial_{stage}/"
        path += "2." if is_last else "1."
        for number, ours in enumerate(("main_", "side_", "output_"), 1):
            table |= _unit(f"{block}darknet_conv{number}/", f"{path}{ours}")
        for index in range(depth):
            for part in (1, 2):
                number = 2 * index + part - 1
                table |= _unit(
                    f"{block}bottleneck_convs/sequential{f'_{number}' * (number > 0)}/",
                    f"{path}bottleneck_{index}_{part}_",
                    split and part == 2,
                )
    return WeightMap(table)


def _unit(theirs: str, ours: str, split: bool = False) -> dict[str, Any]:
    """Returns the entries of a convolution and its norm, which may be two of each."""
    if not split:
        return keras_classes.conv_norm_weights(theirs, ours)
    within = ours.removesuffix("2_") + "depthwise_"
    return {
        **keras_classes.conv_norm_weights(theirs, within, conv="depthwise_conv2d"),
        **keras_classes.conv_norm_weights(f"{theirs}layers/sequential_0/", ours),
    }


FROM_KERAS = keras_classes.from_keras_cv(
    CSPDarkNetBackbone,
    _weights,
    *("stackwise_channels", "stackwise_depth", "include_rescaling", "use_depthwise"),
)
