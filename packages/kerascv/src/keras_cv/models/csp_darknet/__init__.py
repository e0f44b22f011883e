"""CSPDarkNet: what it is made of and what it can load."""

from domain_core import register_family
from keras_cv.models.csp_darknet import convert, presets
from keras_cv.models.csp_darknet.backbone import (
    CSPDarkNetBackbone as CSPDarkNetBackbone,
)

register_family(
    CSPDarkNetBackbone,
    presets=presets.PRESETS,
    converters=(convert.FROM_KERAS,),
    sharding=convert.SHARDING,
    package="kerascv",
)
