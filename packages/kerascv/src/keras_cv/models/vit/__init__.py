"""ViT: what it is made of and what it can load."""

from domain_core import register_family
from keras_cv.models.vit import convert, presets
from keras_cv.models.vit.backbone import ViTBackbone as ViTBackbone

register_family(
    ViTBackbone,
    presets=presets.PRESETS,
    converters=(convert.FROM_TRANSFORMERS, convert.FROM_KERAS_HUB),
    sharding=convert.SHARDING,
    package="kerascv",
)
