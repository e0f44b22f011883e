"""Sizes of MobileNetV3, and published weights."""

from __future__ import annotations

from typing import Any

from domain_core import Preset

_SMALL: dict[str, list[Any]] = {
    "stackwise_expansion": [1, 72 / 16, 88 / 24, 4, 6, 6, 3, 3, 6, 6, 6],
    "stackwise_filters": [16, 24, 24, 40, 40, 40, 48, 48, 96, 96, 96],
    "stackwise_kernel_size": [3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 5],
    "stackwise_stride": [2, 2, 1, 2, 1, 1, 1, 1, 2, 1, 1],
    "stackwise_se_ratio": [0.25, None, None, *[0.25] * 8],
    "stackwise_activation": ["relu"] * 3 + ["hard_swish"] * 8,
}
_LARGE: dict[str, list[Any]] = {
    "stackwise_expansion": [1, 4, 3, 3, 3, 3, 6, 2.5, 2.3, 2.3, 6, 6, 6, 6, 6],
    "stackwise_filters": [
        *(16, 24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 160, 160, 160)
    ],
    "stackwise_kernel_size": [3, 3, 3, 5, 5, 5, 3, 3, 3, 3, 3, 3, 5, 5, 5],
    "stackwise_stride": [1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1],
    "stackwise_se_ratio": [*[None] * 3, *[0.25] * 3, *[None] * 4, *[0.25] * 5],
    "stackwise_activation": ["relu"] * 6 + ["hard_swish"] * 9,
}

# Blocks, parameters, names. KerasCV declared 933,502 and 2,994,518, but its models have
# these numbers: there it had not rounded inside the squeeze-and-excitation.
_ROWS: list[tuple[dict[str, list[Any]], int, str]] = [
    (_SMALL, 939120, "mobilenet_v3_small mobilenet_v3_small_imagenet"),
    (_LARGE, 2996352, "mobilenet_v3_large mobilenet_v3_large_imagenet"),
    (_LARGE, 2996352, "mobilenet_v3_large_imagenet_classifier"),
]

PRESETS = {
    name: Preset(
        description=f"MobileNetV3 {'on ImageNet-1k' if trained else 'untrained'}.",
        config={**blocks, "include_rescaling": True},
        handle=f"kaggle://keras/mobilenetv3/keras/{name}/2" if trained else None,
        parameters=parameters,
        licence="Apache-2.0",
        paper="https://arxiv.org/abs/1905.02244",
        origin="the Keras team",
        # The size of the training images is not known: this is the usual one.
        image_converter={"image_size": (224, 224)},
        unverified=("licence", "image_converter"),
        task="kerascv>ImageClassifier" if "classifier" in name else None,
        task_config={"num_classes": 1000} if "classifier" in name else {},
    )
    for blocks, parameters, names in _ROWS
    for name in names.split()
    for trained in ["imagenet" in name]
}
