"""Sizes of EfficientNetV2, and published weights."""

from __future__ import annotations

from typing import Any

from domain_core import Preset

_B = {
    "repeats": [1, 2, 2, 3, 5, 8],
    "inputs": [32, 16, 32, 48, 96, 112],
    "outputs": [16, 32, 48, 96, 112, 192],
}
_S = {
    "repeats": [2, 4, 4, 6, 9, 15],
    "inputs": [24, 24, 48, 64, 128, 160],
    "outputs": [24, 48, 64, 128, 160, 256],
}
_M = {
    "repeats": [3, 5, 5, 7, 14, 18, 5],
    "inputs": [24, 24, 48, 80, 160, 176, 304],
    "outputs": [24, 48, 80, 160, 176, 304, 512],
}
_L = {
    "repeats": [4, 7, 7, 10, 19, 25, 7],
    "inputs": [32, 32, 64, 96, 192, 224, 384],
    "outputs": [32, 64, 96, 192, 224, 384, 640],
}
_TRAINED = "{0} {0}_imagenet {0}_imagenet_classifier"

# Stages, factors of width and depth, parameters, names.
_ROWS: list[tuple[dict[str, list[int]], float, float, int, str]] = [
    (_B, 1.0, 1.0, 5919312, _TRAINED.format("efficientnetv2_b0")),
    (_B, 1.0, 1.1, 6931124, _TRAINED.format("efficientnetv2_b1")),
    (_B, 1.1, 1.2, 8769374, _TRAINED.format("efficientnetv2_b2")),
    (_B, 1.2, 1.4, 12930622, "efficientnetv2_b3"),
    (_S, 1.0, 1.0, 20331360, _TRAINED.format("efficientnetv2_s")),
    (_M, 1.0, 1.0, 53150388, "efficientnetv2_m"),
    (_L, 1.0, 1.0, 117746848, "efficientnetv2_l"),
]


def _config(stages: dict[str, list[int]], width: float, depth: float) -> dict[str, Any]:
    count = len(stages["repeats"])
    return {
        "include_rescaling": True,
        "width_coefficient": width,
        "depth_coefficient": depth,
        "stackwise_kernel_sizes": [3] * count,
        "stackwise_num_repeats": stages["repeats"],
        "stackwise_input_filters": stages["inputs"],
        "stackwise_output_filters": stages["outputs"],
        "stackwise_expansion_ratios": [1, 4, 4, 4, 6, 6, 6][:count],
        "stackwise_squeeze_and_excite_ratios": [0, 0, 0, *[0.25] * (count - 3)],
        "stackwise_strides": [1, 2, 2, 2, 1, 2, 1][:count],
        "stackwise_conv_types": ["fused"] * 3 + ["unfused"] * (count - 3),
    }


PRESETS = {
    name: Preset(
        description=f"EfficientNetV2 {'on ImageNet-1k' if trained else 'untrained'}.",
        config=_config(stages, width, depth),
        handle=f"kaggle://keras/efficientnetv2/keras/{name}/2" if trained else None,
        parameters=parameters,
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/2104.00298",
        origin="the Keras team",
        # The size of the training images is not known: this is the usual one.
        image_converter={"image_size": (224, 224)},
        unverified=("licence", "image_converter"),
        task="kerascv>ImageClassifier" if "classifier" in name else None,
        task_config={"num_classes": 1000} if "classifier" in name else {},
    )
    for stages, width, depth, parameters, names in _ROWS
    for name in names.split()
    for trained in ["imagenet" in name]
}
