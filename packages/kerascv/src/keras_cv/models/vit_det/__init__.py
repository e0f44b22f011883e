"""ViTDet: what it is made of and what it can load."""

from domain_core import register_family
from keras_cv.models.vit_det import convert, presets
from keras_cv.models.vit_det.backbone import ViTDetBackbone as ViTDetBackbone

register_family(
    ViTDetBackbone,
    presets=presets.PRESETS,
    converters=(
        convert.FROM_TRANSFORMERS,
        convert.FROM_KERAS_HUB,
        convert.FROM_KERAS_CV,
    ),
    sharding=convert.SHARDING,
    package="kerascv",
)
