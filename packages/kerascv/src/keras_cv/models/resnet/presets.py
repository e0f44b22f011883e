"""Published ResNet weights, and the sizes of the papers without weights."""

from __future__ import annotations

from domain_core import Preset

_ORIGIN = "the Keras team"
_V1 = ("ResNet", "resnetv1", "https://arxiv.org/abs/1512.03385")
_V2 = ("ResNet v2", "resnetv2", "https://arxiv.org/abs/1603.05027")
_ROWS = [
    (_V1, "resnet18", [2, 2, 2, 2], 11186112),
    (_V1, "resnet34", [3, 4, 6, 3], 21301696),
    (_V1, "resnet50", [3, 4, 6, 3], 23561152),
    (_V1, "resnet101", [3, 4, 23, 3], 42605504),
    (_V1, "resnet152", [3, 8, 36, 3], 58295232),
    (_V1, "resnet50_imagenet", [3, 4, 6, 3], 23561152),
    (_V2, "resnet18_v2", [2, 2, 2, 2], 11183488),
    (_V2, "resnet34_v2", [3, 4, 6, 3], 21299072),
    (_V2, "resnet50_v2", [3, 4, 6, 3], 23564800),
    (_V2, "resnet101_v2", [3, 4, 23, 3], 42626560),
    (_V2, "resnet152_v2", [3, 8, 36, 3], 58331648),
    (_V2, "resnet50_v2_imagenet", [3, 4, 6, 3], 23564800),
    (_V2, "resnet50_v2_imagenet_classifier", [3, 4, 6, 3], 23564800),
]


def _preset(
    source: tuple[str, str, str], name: str, blocks: list[int], parameters: int
) -> Preset:
    family, folder, paper = source
    trained = "imagenet" in name
    classifier = name.endswith("classifier")
    layers = int(name.removeprefix("resnet").split("_")[0])
    data = "trained on ImageNet-1k" if trained else "without weights"
    return Preset(
        description=f"{layers}-layer {family} {data}.",
        config={
            "stackwise_filters": [64, 128, 256, 512],
            "stackwise_blocks": blocks,
            "stackwise_strides": [1, 2, 2, 2],
            "include_rescaling": True,
            "block_type": "block" if layers >= 50 else "basic_block",
        },
        handle=f"kaggle://keras/{folder}/keras/{name}/2" if trained else None,
        parameters=parameters,
        licence="Apache-2.0",
        paper=paper,
        origin=_ORIGIN,
        task="kerascv>ImageClassifier" if classifier else None,
        task_config={"num_classes": 1000} if classifier else {},
    )


V1_PRESETS = {row[1]: _preset(*row) for row in _ROWS if row[0] is _V1}
V2_PRESETS = {row[1]: _preset(*row) for row in _ROWS if row[0] is _V2}
