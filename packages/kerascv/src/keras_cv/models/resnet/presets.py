"""Published ResNet weights, and the sizes of the papers without weights."""

from __future__ import annotations

from domain_core import Preset

_V1 = ("ResNet", "resnetv1", "https://arxiv.org/abs/1512.03385")
_V2 = ("ResNet v2", "resnetv2", "https://arxiv.org/abs/1603.05027")
_BLOCKS = {
    18: [2, 2, 2, 2],
    34: [3, 4, 6, 3],
    50: [3, 4, 6, 3],
    101: [3, 4, 23, 3],
    152: [3, 8, 36, 3],
}


def _preset(
    version: tuple[str, str, str], layers: int, parameters: int, weights: str = ""
) -> Preset:
    family, folder, paper = version
    return Preset(
        description=f"{layers}-layer {family} "
        + ("trained on ImageNet-1k." if weights else "without weights."),
        config={
            "stackwise_filters": [64, 128, 256, 512],
            "stackwise_blocks": _BLOCKS[layers],
            "stackwise_strides": [1, 2, 2, 2],
            "include_rescaling": True,
            "block_type": "block" if layers >= 50 else "basic_block",
        },
        handle=f"kaggle://keras/{folder}/keras/{weights}/2" if weights else None,
        parameters=parameters,
        licence="Apache-2.0",
        paper=paper,
        origin="the Keras team",
        task="kerascv>ImageClassifier" if "classifier" in weights else None,
        task_config={"num_classes": 1000} if "classifier" in weights else {},
    )


V1_PRESETS = {
    "resnet18": _preset(_V1, 18, 11186112),
    "resnet34": _preset(_V1, 34, 21301696),
    "resnet50": _preset(_V1, 50, 23561152),
    "resnet101": _preset(_V1, 101, 42605504),
    "resnet152": _preset(_V1, 152, 58295232),
    "resnet50_imagenet": _preset(_V1, 50, 23561152, "resnet50_imagenet"),
}
V2_PRESETS = {
    "resnet18_v2": _preset(_V2, 18, 11183488),
    "resnet34_v2": _preset(_V2, 34, 21299072),
    "resnet50_v2": _preset(_V2, 50, 23564800),
    "resnet101_v2": _preset(_V2, 101, 42626560),
    "resnet152_v2": _preset(_V2, 152, 58331648),
    "resnet50_v2_imagenet": _preset(_V2, 50, 23564800, "resnet50_v2_imagenet"),
    "resnet50_v2_imagenet_classifier": _preset(
        _V2, 50, 23564800, "resnet50_v2_imagenet_classifier"
    ),
}
