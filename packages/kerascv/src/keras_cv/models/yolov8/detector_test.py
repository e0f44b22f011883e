import numpy as np

from keras_cv.models import ResNetBackbone, YOLOV8Backbone, YOLOV8Detector
from keras_cv.testing.detector_contract import DetectorContract


class TestYOLOV8Detector(DetectorContract):
    cls = YOLOV8Detector

    @classmethod
    def make(cls, num_classes=2, bounding_box_format="xyxy", **options):
        backbone = YOLOV8Backbone(
            stackwise_channels=[8, 16, 24, 32],
            stackwise_depth=[1, 1, 1, 1],
            include_rescaling=True,
            batch_norm_momentum=0.8,
        )
        return YOLOV8Detector(
            backbone,
            num_classes,
            bounding_box_format,
            fpn_depth=1,
            batch_norm_momentum=0.8,
            **options,
        )


def test_sizes_of_the_published_detector():
    """25,901,004 weights of YOLOv8 m with 20 classes, and its 16 distances."""
    task = YOLOV8Detector.from_preset(
        "yolo_v8_m_backbone", load_weights=False, num_classes=20, compile=False
    )
    assert task.count_params() == 25_901_004
    outputs = task.compute_output_shape((1, 512, 512, 3))
    assert outputs["boxes"] == (1, 5376, 64)


def test_any_backbone():
    backbone = ResNetBackbone(
        stackwise_filters=[8, 8, 8, 8],
        stackwise_blocks=[1, 1, 1, 1],
        stackwise_strides=[1, 2, 2, 2],
        include_rescaling=True,
        block_type="basic_block",
        stem_filters=8,
    )
    task = YOLOV8Detector(backbone, 2, "rel_yxyx", compile=False)
    found = task.predict([np.zeros((40, 70, 3), "uint8")], verbose=0)
    assert found["boxes"].shape == (1, 100, 4)
