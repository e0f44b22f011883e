"""MobileNetV3: what it is made of and what it can load."""

from domain_core import register_family
from keras_cv.models.mobilenet_v3 import convert, presets
from keras_cv.models.mobilenet_v3.backbone import (
    MobileNetV3Backbone as MobileNetV3Backbone,
)

register_family(
    MobileNetV3Backbone,
    presets=presets.PRESETS,
    converters=(convert.FROM_APPLICATIONS, *convert.FROM_KERAS),
    sharding=convert.SHARDING,
    package="kerascv",
)
