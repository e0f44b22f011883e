"""Published weights of YOLOv8 and its backbone, and its sizes without weights."""

from __future__ import annotations

from domain_core import Preset
from keras_cv.models import pascal_voc_presets

# Channels and depth per stage, parameters, name.
_ROWS = [
    ([32, 64, 128, 256], [1, 2, 2, 1], 1277680, "xs"),
    ([64, 128, 256, 512], [1, 2, 2, 1], 5089760, "s"),
    ([96, 192, 384, 576], [2, 4, 4, 2], 11872464, "m"),
    ([128, 256, 512, 512], [3, 6, 6, 3], 19831744, "l"),
    ([160, 320, 640, 640], [3, 6, 6, 3], 30972080, "xl"),
]

PRESETS = {
    name: Preset(
        description=f"YOLOv8's backbone {'on COCO' if trained else 'untrained'}.",
        config={
            "stackwise_channels": channels,
            "stackwise_depth": depth,
            "include_rescaling": True,
        },
        handle=f"kaggle://keras/yolov8/keras/{name}/2" if trained else None,
        parameters=parameters,
        licence="Apache-2.0",
        paper="https://github.com/ultralytics/ultralytics",
        origin="the Keras team",
        # The size of the training images is not known: this is the usual one.
        image_converter={
            "image_size": (640, 640),
            "crop_to_aspect_ratio": False,
            "pad_to_aspect_ratio": True,
        },
        unverified=("handle", "licence", "image_converter"),
    )
    for channels, depth, parameters, size in _ROWS
    for trained in (False, True)
    for name in [f"yolo_v8_{size}_backbone{'_coco' if trained else ''}"]
}
PRESETS["yolo_v8_m_pascalvoc"] = Preset(
    description="YOLOv8 of size m on Pascal VOC 2012.",
    config=PRESETS["yolo_v8_m_backbone"].config,
    handle="kaggle://keras/yolov8/keras/yolo_v8_m_pascalvoc/2",
    parameters=PRESETS["yolo_v8_m_backbone"].parameters,
    licence="Apache-2.0",
    paper="https://github.com/ultralytics/ultralytics",
    origin="the Keras team",
    image_converter=pascal_voc_presets.IMAGE_CONVERTER,
    task="kerascv>YOLOV8Detector",
    task_config={**pascal_voc_presets.TASK, "fpn_depth": 2, "bottom_up_depth": 2},
    unverified=pascal_voc_presets.UNVERIFIED,
)
