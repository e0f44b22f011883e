"""Published ResNet weights, and the sizes of the papers without weights."""

from __future__ import annotations

from domain_core import Preset
from keras_cv.models import pascal_voc_presets

_V1 = ("ResNet", "resnetv1", "https://arxiv.org/abs/1512.03385")
_V2 = ("ResNet v2", "resnetv2", "https://arxiv.org/abs/1603.05027")

_BASIC, _BOTTLENECK = "basic_block", "block"

# Version, kind of block, blocks per stage, parameters, names.
_ROWS = [
    (_V1, _BASIC, [2, 2, 2, 2], 11186112, "resnet18"),
    (_V1, _BASIC, [3, 4, 6, 3], 21301696, "resnet34"),
    (_V1, _BOTTLENECK, [3, 4, 6, 3], 23561152, "resnet50 resnet50_imagenet"),
    (_V1, _BOTTLENECK, [3, 4, 23, 3], 42605504, "resnet101"),
    (_V1, _BOTTLENECK, [3, 8, 36, 3], 58295232, "resnet152"),
    (_V2, _BASIC, [2, 2, 2, 2], 11183488, "resnet18_v2"),
    (_V2, _BASIC, [3, 4, 6, 3], 21299072, "resnet34_v2"),
    (_V2, _BOTTLENECK, [3, 4, 6, 3], 23564800, "resnet50_v2 resnet50_v2_imagenet"),
    (_V2, _BOTTLENECK, [3, 4, 6, 3], 23564800, "resnet50_v2_imagenet_classifier"),
    (_V2, _BOTTLENECK, [3, 4, 23, 3], 42626560, "resnet101_v2"),
    (_V2, _BOTTLENECK, [3, 8, 36, 3], 58331648, "resnet152_v2"),
]


def _presets(version: tuple[str, str, str]) -> dict[str, Preset]:
    family, folder, paper = version
    return {
        name: Preset(
            description=f"{family} {'on ImageNet-1k' if trained else 'untrained'}.",
            config={
                "stackwise_filters": [64, 128, 256, 512],
                "stackwise_blocks": blocks,
                "stackwise_strides": [1, 2, 2, 2],
                "include_rescaling": True,
                "block_type": block_type,
            },
            handle=f"kaggle://keras/{folder}/keras/{name}/2" if trained else None,
            parameters=parameters,
            licence="Apache-2.0",
            paper=paper,
            origin="the Keras team",
            # The size of the training images is not known: this is the usual one.
            image_converter={"image_size": (224, 224)},
            unverified=("handle", "licence", "image_converter"),
            task="kerascv>ImageClassifier" if "classifier" in name else None,
            task_config={"num_classes": 1000} if "classifier" in name else {},
        )
        for row_version, block_type, blocks, parameters, names in _ROWS
        for name in names.split()
        for trained in ["imagenet" in name]
        if row_version is version
    }


V1, V2 = _presets(_V1), _presets(_V2)
V1["retinanet_resnet50_pascalvoc"] = Preset(
    description="RetinaNet with a ResNet50 on Pascal VOC 2012.",
    config=V1["resnet50"].config,
    handle="kaggle://keras/retinanet/keras/retinanet_resnet50_pascalvoc/2",
    parameters=V1["resnet50"].parameters,
    licence="Apache-2.0",
    paper="https://arxiv.org/abs/1708.02002",
    origin="the Keras team",
    image_converter=pascal_voc_presets.IMAGE_CONVERTER,
    task="kerascv>RetinaNet",
    task_config={**pascal_voc_presets.TASK, "num_head_layers": 3},
    unverified=pascal_voc_presets.UNVERIFIED,
)
