"""YOLOv8 as the reference has it, and how it is sharded.

In the reference's checkpoints layers are numbered as they stand in its configuration:
`model.0` to `model.9` are the backbone, `model.12` to `model.21` the neck, `model.22`
the head.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from domain_core import WeightMap
from domain_core.weights.weight_map import (
    Target,
    batch_counters,
    batch_norm_weights,
    conv_weights,
)
from domain_core.weights.weight_paths import paths_of_parts
from keras_cv.models.yolov8.distribution import BINS
from keras_cv.models.yolov8.path_aggregation import LEVELS

# The axis "width", of output channels, is what a model-parallel mesh splits.
SHARDING = {
    r"(stem\.\d+|stages\.\d+\.\d+)\..*conv\.kernel": (None, None, None, "width")
}


def _unit(theirs: str, ours: str) -> dict[str, Target]:
    return {
        **conv_weights(f"{theirs}.conv", f"{ours}conv"),
        **batch_norm_weights(f"{theirs}.bn", f"{ours}norm"),
    }


def _block(theirs: str, ours: str) -> dict[str, Target]:
    return {
        **_unit(f"{theirs}.cv1", f"{ours}.input_"),
        **_unit(f"{theirs}.m.{{i}}.cv1", f"{ours}.bottleneck_{{i}}_1_"),
        **_unit(f"{theirs}.m.{{i}}.cv2", f"{ours}.bottleneck_{{i}}_2_"),
        **_unit(f"{theirs}.cv2", f"{ours}.output_"),
    }


def _head() -> Iterator[dict[str, Target]]:
    for number, branch in ((2, "box"), (3, "class")):
        for index, level in enumerate(LEVELS):
            theirs, ours = f"model.22.cv{number}.{index}", f"head.{branch}_{level}_"
            yield _unit(f"{theirs}.0", f"{ours}1_")
            yield _unit(f"{theirs}.1", f"{ours}2_")
            yield conv_weights(f"{theirs}.2", f"{ours}output", bias=True)


_NECK = "path_aggregation"
_REFERENCE: dict[str, Target] = {
    **_unit("model.0", "backbone.stem.0."),
    **_unit("model.1", "backbone.stem.1."),
    **_block("model.2", "backbone.stages.0.0"),
    **_unit("model.3", "backbone.stages.1.0."),
    **_block("model.4", "backbone.stages.1.1"),
    **_unit("model.5", "backbone.stages.2.0."),
    **_block("model.6", "backbone.stages.2.1"),
    **_unit("model.7", "backbone.stages.3.0."),
    **_block("model.8", "backbone.stages.3.1"),
    **_unit("model.9.cv1", "backbone.stages.3.2.input_"),
    **_unit("model.9.cv2", "backbone.stages.3.2.output_"),
    **_block("model.12", f"{_NECK}.top_down_P4"),
    **_block("model.15", f"{_NECK}.top_down_P3"),
    **_unit("model.16", f"{_NECK}.downsample_P3."),
    **_block("model.18", f"{_NECK}.bottom_up_P4"),
    **_unit("model.19", f"{_NECK}.downsample_P4."),
    **_block("model.21", f"{_NECK}.bottom_up_P5"),
    **{k: target for entries in _head() for k, target in entries.items()},
}
_REFERENCE_WEIGHTS = WeightMap(
    _REFERENCE,
    constants={
        **batch_counters(_REFERENCE),
        # The distances whose mean a box is, as a convolution of 1 pixel.
        "model.22.dfl.conv.weight": (
            f"head.box_{LEVELS[0]}_output.bias",
            np.arange(BINS, dtype="float32").reshape(1, BINS, 1, 1),
        ),
    },
)


def load_reference_weights(
    parts: Mapping[str, keras.Layer], tensors: Mapping[str, Any]
) -> None:
    """Writes the weights of a detector from a checkpoint of the reference YOLOv8.

    Args:
        parts: "backbone", a `YOLOV8Backbone` of four stages; "path_aggregation", a
            `PathAggregation`; "head", a `YOLOV8Head`; each built.
        tensors: NumPy arrays, or torch tensors on the CPU, by their names in the
            checkpoint, such as "model.0.conv.weight".

    Raises:
        PresetCorruptError: if a weight would be left out, or a tensor, or a shape
            differs; nothing is written then.
    """
    _REFERENCE_WEIGHTS.assign_arrays(paths_of_parts(parts), tensors)


def reference_weights(parts: Mapping[str, keras.Layer]) -> dict[str, np.ndarray]:
    """Returns the weights of a detector as the reference YOLOv8 names them.

    Args:
        parts: see `load_reference_weights`.
    """
    return _REFERENCE_WEIGHTS.to_arrays(paths_of_parts(parts))
