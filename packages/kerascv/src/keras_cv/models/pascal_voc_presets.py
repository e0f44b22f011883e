"""What published detectors of Pascal VOC have in common."""

from __future__ import annotations

from typing import Any

# Arguments of the task, and of the `ImageConverter`: the size is that of KerasCV's
# guides, which fill images up at the right and at the bottom.
TASK: dict[str, Any] = {
    "num_classes": 20,
    "bounding_box_format": "xywh",
    "class_names": [
        *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat"),
        *("chair", "cow", "diningtable", "dog", "horse", "motorbike", "person"),
        *("pottedplant", "sheep", "sofa", "train", "tvmonitor"),
    ],
}
IMAGE_CONVERTER: dict[str, Any] = {
    "image_size": (640, 640),
    "crop_to_aspect_ratio": False,
    "pad_to_aspect_ratio": True,
    "pad_position": "top_left",
}
UNVERIFIED = ("licence", "image_converter", "bounding_box_format", "class_names")
