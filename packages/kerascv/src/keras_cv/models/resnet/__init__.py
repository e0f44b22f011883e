"""ResNet v1 and v2: what they are made of and what they can load."""

from typing import Any

from domain_core import register_backbone
from keras_cv.models.resnet.backbone import ResNetBackbone as ResNetBackbone
from keras_cv.models.resnet.backbone import ResNetV2Backbone as ResNetV2Backbone
from keras_cv.models.resnet.convert_keras import (
    V1_FROM_KERAS_CV,
    V1_FROM_KERAS_HUB,
    V2_FROM_KERAS_CV,
    V2_FROM_KERAS_HUB,
)
from keras_cv.models.resnet.convert_transformers import FROM_TRANSFORMERS
from keras_cv.models.resnet.layout import LAYOUT
from keras_cv.models.resnet.presets import V1_PRESETS, V2_PRESETS

_SHARED: dict[str, Any] = {"sharding": LAYOUT, "package": "kerascv"}
register_backbone(
    ResNetBackbone,
    presets=V1_PRESETS,
    converters=(FROM_TRANSFORMERS, V1_FROM_KERAS_HUB, V1_FROM_KERAS_CV),
    **_SHARED,
)
register_backbone(
    ResNetV2Backbone,
    presets=V2_PRESETS,
    converters=(V2_FROM_KERAS_HUB, V2_FROM_KERAS_CV),
    **_SHARED,
)
