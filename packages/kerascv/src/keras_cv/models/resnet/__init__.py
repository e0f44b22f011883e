"""ResNet v1 and v2: what they are made of and what they can load."""

from domain_core import register_family
from keras_cv.models.resnet import convert, presets
from keras_cv.models.resnet.backbone import ResNetBackbone as ResNetBackbone
from keras_cv.models.resnet.backbone import ResNetV2Backbone as ResNetV2Backbone

register_family(
    ResNetBackbone,
    presets=presets.V1,
    converters=(convert.FROM_TRANSFORMERS, *convert.V1_FROM_KERAS),
    sharding=convert.SHARDING,
    package="kerascv",
)
register_family(
    ResNetV2Backbone,
    presets=presets.V2,
    converters=convert.V2_FROM_KERAS,
    sharding=convert.SHARDING,
    package="kerascv",
)
