"""YOLOv8 as KerasCV has it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from domain_core import WeightMap
from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.keras.converter import ACTIVATION, KerasTask
from keras_cv.models import keras_classes, keras_detectors
from keras_cv.models.yolov8.backbone import YOLOV8Backbone
from keras_cv.models.yolov8.detector import CONFIDENCE, OVERLAP, YOLOV8Detector
from keras_cv.models.yolov8.label_encoder import LabelEncoder
from keras_cv.models.yolov8.path_aggregation import LEVELS

# Theirs has as many bottlenecks from fine to coarse, whatever its `fpn_depth`.
_BOTTOM_UP_DEPTH = 2


def _block(path: str, depth: int) -> Iterator[str]:
    """Yields what paths of the convolutions of a `C2fBlock` begin with, in order."""
    yield f"{path}input_"
    for index in range(depth):
        yield from (f"{path}bottleneck_{index}_{part}_" for part in (1, 2))
    yield f"{path}output_"


def _backbone(config: Mapping[str, Any]) -> Iterator[str]:
    yield from ("stem.0.", "stem.1.")
    depths = config["stackwise_depth"]
    for stage, depth in enumerate(depths):
        path = f"stages.{stage}."
        if stage > 0:
            yield f"{path}0."
        yield from _block(f"{path}{min(stage, 1)}.", depth)
        if stage == len(depths) - 1:
            pool = f"{path}{min(stage, 1) + 1}."
            yield from (f"{pool}input_", f"{pool}output_")


def _neck(config: Mapping[str, Any]) -> Iterator[str]:
    for level in ("P4", "P3"):
        yield from _block(f"path_aggregation.top_down_{level}.", config["fpn_depth"])
    for fine, coarse in itertools.pairwise(LEVELS):
        yield f"path_aggregation.downsample_{fine}."
        block = f"path_aggregation.bottom_up_{coarse}."
        yield from _block(block, config["bottom_up_depth"])


def _head(parts: tuple[Any, ...]) -> Iterator[str]:
    for part, branch, level in itertools.product(parts, ("class", "box"), LEVELS):
        yield f"head.{branch}_{level}_{part}"


def _backbone_weights(config: Mapping[str, Any]) -> WeightMap:
    return _numbered([*_backbone(config)])


def _detector_weights(config: Mapping[str, Any]) -> WeightMap:
    return _numbered([*_neck(config), *_head(("1_", "2_"))], [*_head(("output",))])


def _numbered(units: list[str], outputs: list[str] | None = None) -> WeightMap:
    return keras_classes.numbered_weights(
        [f"{unit}conv" for unit in units],
        [f"{unit}norm" for unit in units],
        last=outputs or [],
    )


_label_encoder = keras_detectors.part(
    LabelEncoder,
    "YOLOV8LabelEncoder",
    *("num_classes", "max_anchor_matches", "alpha", "beta", "epsilon"),
)


def _with_parts(config: Config) -> Config:
    """Makes the objects that were read, unless they are those that YOLOv8 makes."""
    encoder, count = config.pop("label_encoder"), config["num_classes"]
    if not keras_detectors.is_usual(LabelEncoder, encoder, num_classes=count):
        config["label_encoder"] = LabelEncoder(**encoder)
    return keras_detectors.choose_decoder(
        {**config, "bottom_up_depth": _BOTTOM_UP_DEPTH},
        confidence_threshold=CONFIDENCE,
        iou_threshold=OVERLAP,
    )


DETECTOR = KerasTask(
    YOLOV8Detector,
    ("YOLOV8Detector",),
    ConfigMap(
        *("num_classes", "bounding_box_format", "fpn_depth"),
        renamed={
            # Theirs makes probabilities of the logits before.
            "prediction_decoder": keras_detectors.decoder(from_logits=False),
            "label_encoder": Argument("label_encoder", _label_encoder),
        },
        ignored=("trainable", "dtype"),
        after_reading=_with_parts,
    ),
    weights=_detector_weights,
    backbone_layer=keras_detectors.BACKBONE_LAYER,
    parts=("YOLOV8LabelEncoder", *keras_detectors.DECODERS),
)
FROM_KERAS = keras_classes.from_keras_cv(
    YOLOV8Backbone,
    _backbone_weights,
    *("stackwise_channels", "stackwise_depth"),
    activation=ACTIVATION,
)
