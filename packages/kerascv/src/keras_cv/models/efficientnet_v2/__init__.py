"""EfficientNetV2: what it is made of and what it can load."""

from domain_core import register_family
from keras_cv.models.efficientnet_v2 import convert, presets
from keras_cv.models.efficientnet_v2.backbone import (
    EfficientNetV2Backbone as EfficientNetV2Backbone,
)

register_family(
    EfficientNetV2Backbone,
    presets=presets.PRESETS,
    converters=(convert.FROM_APPLICATIONS, *convert.FROM_KERAS),
    sharding=convert.SHARDING,
    package="kerascv",
)
