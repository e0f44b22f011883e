"""Detectors of some thousand weights, for tests of what all detectors do."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_cv.models import ResNetBackbone, RetinaNet, YOLOV8Backbone, YOLOV8Detector
from keras_cv.models.retinanet import FeaturePyramid, PredictionHead


def tiny_retinanet(
    num_classes: int = 2,
    bounding_box_format: str = "xyxy",
    dtype: Any = None,
    **options: Any,
) -> RetinaNet:
    """Returns a RetinaNet of 8 channels; options go to the constructor."""
    backbone = ResNetBackbone(
        stackwise_filters=[4, 8, 8, 8],
        stackwise_blocks=[1, 1, 1, 1],
        stackwise_strides=[1, 2, 2, 2],
        include_rescaling=True,
        block_type="basic_block",
        stem_filters=4,
        dtype=dtype,
    )
    prior = keras.initializers.Constant(-4.6)
    heads: dict[str, Any] = {"num_channels": 8, "dtype": dtype}
    return RetinaNet(
        backbone,
        num_classes,
        bounding_box_format,
        feature_pyramid=FeaturePyramid(name="feature_pyramid", **heads),
        classification_head=PredictionHead(9 * num_classes, prior, 1, **heads),
        box_head=PredictionHead(36, "zeros", 1, **heads),
        **options,
    )


def tiny_yolov8(
    num_classes: int = 2,
    bounding_box_format: str = "xyxy",
    dtype: Any = None,
    **options: Any,
) -> YOLOV8Detector:
    """Returns a YOLOv8 of 16 channels; options go to the constructor."""
    backbone = YOLOV8Backbone(
        stackwise_channels=[8, 16, 16, 16],
        stackwise_depth=[1, 1, 1, 1],
        include_rescaling=True,
        dtype=dtype,
    )
    return YOLOV8Detector(
        backbone, num_classes, bounding_box_format, fpn_depth=1, **options
    )


def spread_scores(detector: Any, seed: int = 0) -> Any:
    """Draws weights with which a detector finds many things, each as sure as it is.

    Those of a new one find everything everywhere with nearly the same score: rounding
    would decide which is first.
    """
    draw = np.random.default_rng(seed)
    for weight in detector.weights:
        path, shape = weight.path, tuple(weight.shape)
        if "seed" in path:
            continue
        if len(shape) > 1:
            scale = (2.0 / np.prod(shape[:-1])) ** 0.5
            weight.assign(draw.normal(0, scale, shape))
        elif "variance" not in path and "gamma" not in path:
            weight.assign(draw.normal(0, 0.3, shape))
    return detector
