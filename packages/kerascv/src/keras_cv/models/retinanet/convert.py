"""RetinaNet as KerasCV has it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain_core import WeightMap
from domain_core.presets.config_map import Argument, Config, ConfigMap
from domain_core.presets.keras.converter import KerasTask
from domain_core.weights.weight_map import Target
from keras_cv.layers.anchor_generator import AnchorGenerator
from keras_cv.models import keras_detectors
from keras_cv.models.keras_classes import layer_weights
from keras_cv.models.retinanet.label_encoder import LabelEncoder
from keras_cv.models.retinanet.prediction_head import PredictionHead
from keras_cv.models.retinanet.retinanet import RetinaNet, anchor_arguments

_LEVELS = [f"P{level}" for level in range(3, 8)]


def _by_level(values: Any) -> dict[str, Any]:
    if isinstance(values, Mapping):
        return dict(values)
    return dict(zip(_LEVELS, values, strict=True))


_anchors = keras_detectors.part(
    AnchorGenerator,
    "AnchorGenerator",
    *("bounding_box_format", "scales", "aspect_ratios", "clip_boxes"),
    renamed={name: Argument(name, _by_level) for name in ("sizes", "strides")},
)
_label_encoder = keras_detectors.part(
    LabelEncoder,
    "RetinaNetLabelEncoder",
    *("bounding_box_format", "positive_threshold", "negative_threshold"),
    *("background_class", "ignore_class"),
    renamed={
        "anchor_generator": Argument("anchor_generator", _anchors),
        "box_variance": Argument("box_variance", tuple),
    },
)
# Shapes of weights say the rest.
_head = keras_detectors.part(
    PredictionHead,
    "PredictionHead",
    "num_conv_layers",
    ignored=("output_filters", "bias_initializer"),
)


def _with_parts(config: Config) -> Config:
    """Makes the objects that were read, unless they are those that RetinaNet makes."""
    heads = [config.pop(name) for name in ("classification_head", "box_head")]
    if heads[0] != heads[1]:
        raise ValueError(
            f"Expected heads of one depth, received {heads[0]} for classes and "
            f"{heads[1]} for boxes."
        )
    format, encoder = config["bounding_box_format"], config.pop("label_encoder")
    usual = {
        "bounding_box_format": format,
        "anchor_generator": anchor_arguments(format),
    }
    if not keras_detectors.is_usual(LabelEncoder, encoder, **usual):
        anchors = AnchorGenerator(**encoder["anchor_generator"])
        encoder = LabelEncoder(**{**encoder, "anchor_generator": anchors})
        config |= {"anchor_generator": anchors, "label_encoder": encoder}
    config["num_head_layers"] = heads[0]["num_conv_layers"]
    return keras_detectors.choose_decoder(config)


def _weights() -> WeightMap:
    table: dict[str, Target] = {}
    for level in (3, 4, 5):
        theirs = f"layers/feature_pyramid_0/conv_c{level}"
        ours = "feature_pyramid.pyramid"
        table |= layer_weights(f"{theirs}_1x1", f"{ours}.lateral_layers.{level}")
        table |= layer_weights(f"{theirs}_3x3", f"{ours}.output_layers.{level}")
    for level in (6, 7):
        theirs = f"layers/feature_pyramid_0/conv_c{level}_3x3"
        table |= layer_weights(theirs, f"feature_pyramid.coarser_{level}")
    # The graph's outputs are in the order of their names: boxes come first.
    for number, ours in enumerate(("box_head", "classification_head")):
        theirs = f"layers/prediction_head_{number}"
        conv = f"{theirs}/conv_layers/conv2d"
        table |= layer_weights(conv, f"{ours}.convs.0")
        table |= layer_weights(f"{conv}_{{i}}", f"{ours}.convs.{{i}}")
        table |= layer_weights(f"{theirs}/prediction_layer", f"{ours}.last")
    return WeightMap(table)


FROM_KERAS = KerasTask(
    RetinaNet,
    ("RetinaNet",),
    ConfigMap(
        *("num_classes", "bounding_box_format"),
        renamed={
            "prediction_decoder": keras_detectors.decoder(from_logits=True),
            "label_encoder": Argument("label_encoder", _label_encoder),
            "classification_head": Argument("classification_head", _head),
            "box_head": Argument("box_head", _head),
        },
        ignored=("trainable", "dtype"),
        after_reading=_with_parts,
    ),
    weights=_weights(),
    backbone_layer=keras_detectors.BACKBONE_LAYER,
    parts=(
        *("RetinaNetLabelEncoder", "AnchorGenerator", "PredictionHead"),
        *keras_detectors.DECODERS,
    ),
)
