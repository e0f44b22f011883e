"""Names that KerasCV gave to single sizes of a family."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from keras_cv.models.csp_darknet import CSPDarkNetBackbone
from keras_cv.models.efficientnet_v2 import EfficientNetV2Backbone
from keras_cv.models.mobilenet_v3 import MobileNetV3Backbone
from keras_cv.models.resnet import ResNetBackbone, ResNetV2Backbone
from keras_cv.models.vit_det import ViTDetBackbone


def _alias(
    cls: Any,
    name: str,
    preset: str,
    usual_shape: Sequence[int | None] = (None, None, 3),
) -> Any:
    """Makes a class whose call gives a `cls` of an architecture preset."""

    def new(
        alias: type,
        include_rescaling: bool = True,
        input_shape: Sequence[int | None] = usual_shape,
        input_tensor: Any = None,
    ) -> Any:
        return cls.from_preset(
            preset,
            load_weights=False,
            include_rescaling=include_rescaling,
            input_shape=input_shape,
            input_tensor=input_tensor,
        )

    body = {
        "__doc__": f"Gives a `{cls.__name__}` of preset {preset!r}, weights at random.",
        "__module__": __name__,
        "__new__": new,
        "from_preset": cls.from_preset,
        "presets": {key: cls.presets[key] for key in cls.presets if preset in key},
    }
    return type(name, (cls,), body)


CSPDarkNetTinyBackbone = _alias(
    CSPDarkNetBackbone, "CSPDarkNetTinyBackbone", "csp_darknet_tiny"
)
CSPDarkNetSBackbone = _alias(CSPDarkNetBackbone, "CSPDarkNetSBackbone", "csp_darknet_s")
CSPDarkNetMBackbone = _alias(CSPDarkNetBackbone, "CSPDarkNetMBackbone", "csp_darknet_m")
CSPDarkNetLBackbone = _alias(CSPDarkNetBackbone, "CSPDarkNetLBackbone", "csp_darknet_l")
CSPDarkNetXLBackbone = _alias(
    CSPDarkNetBackbone, "CSPDarkNetXLBackbone", "csp_darknet_xl"
)
EfficientNetV2B0Backbone = _alias(
    EfficientNetV2Backbone, "EfficientNetV2B0Backbone", "efficientnetv2_b0"
)
EfficientNetV2B1Backbone = _alias(
    EfficientNetV2Backbone, "EfficientNetV2B1Backbone", "efficientnetv2_b1"
)
EfficientNetV2B2Backbone = _alias(
    EfficientNetV2Backbone, "EfficientNetV2B2Backbone", "efficientnetv2_b2"
)
EfficientNetV2B3Backbone = _alias(
    EfficientNetV2Backbone, "EfficientNetV2B3Backbone", "efficientnetv2_b3"
)
EfficientNetV2LBackbone = _alias(
    EfficientNetV2Backbone, "EfficientNetV2LBackbone", "efficientnetv2_l"
)
EfficientNetV2MBackbone = _alias(
    EfficientNetV2Backbone, "EfficientNetV2MBackbone", "efficientnetv2_m"
)
EfficientNetV2SBackbone = _alias(
    EfficientNetV2Backbone, "EfficientNetV2SBackbone", "efficientnetv2_s"
)
MobileNetV3LargeBackbone = _alias(
    MobileNetV3Backbone, "MobileNetV3LargeBackbone", "mobilenet_v3_large"
)
MobileNetV3SmallBackbone = _alias(
    MobileNetV3Backbone, "MobileNetV3SmallBackbone", "mobilenet_v3_small"
)
ResNet18Backbone = _alias(ResNetBackbone, "ResNet18Backbone", "resnet18")
ResNet34Backbone = _alias(ResNetBackbone, "ResNet34Backbone", "resnet34")
ResNet50Backbone = _alias(ResNetBackbone, "ResNet50Backbone", "resnet50")
ResNet101Backbone = _alias(ResNetBackbone, "ResNet101Backbone", "resnet101")
ResNet152Backbone = _alias(ResNetBackbone, "ResNet152Backbone", "resnet152")
ResNet18V2Backbone = _alias(ResNetV2Backbone, "ResNet18V2Backbone", "resnet18_v2")
ResNet34V2Backbone = _alias(ResNetV2Backbone, "ResNet34V2Backbone", "resnet34_v2")
ResNet50V2Backbone = _alias(ResNetV2Backbone, "ResNet50V2Backbone", "resnet50_v2")
ResNet101V2Backbone = _alias(ResNetV2Backbone, "ResNet101V2Backbone", "resnet101_v2")
ResNet152V2Backbone = _alias(ResNetV2Backbone, "ResNet152V2Backbone", "resnet152_v2")
ViTDetBBackbone = _alias(
    ViTDetBackbone, "ViTDetBBackbone", "vitdet_base", (1024, 1024, 3)
)
ViTDetLBackbone = _alias(
    ViTDetBackbone, "ViTDetLBackbone", "vitdet_large", (1024, 1024, 3)
)
ViTDetHBackbone = _alias(
    ViTDetBackbone, "ViTDetHBackbone", "vitdet_huge", (1024, 1024, 3)
)
