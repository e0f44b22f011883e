"""Mixes the levels of a pyramid, first from coarse to fine, then back."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import keras

from domain_core.arguments import as_positive_int
from domain_core.serialization import serializable
from keras_cv.layers.conv_norm_activation import ConvNormActivation
from keras_cv.layers.feature_maps import check_feature_map, enlarge
from keras_cv.models.yolov8.blocks import C2fBlock, YOLOV8Layer

# From fine to coarse; level "P3" has stride 8, "P4" has 16, "P5" has 32.
LEVELS = ("P3", "P4", "P5")
_NEIGHBOURS = tuple(itertools.pairwise(LEVELS))


@serializable("kerascv")
class PathAggregation(YOLOV8Layer):
    """The neck of YOLOv8: a path aggregation network over three levels.

    From coarse to fine, a level's map is put beside the coarser one, which is enlarged
    by repeating pixels, and a block mixes them. From fine to coarse, it is put beside
    the finer one, which a convolution halves in size, and another block mixes them.
    Maps of odd sizes are fine: what enlarging gives too much is cut off.

    Args:
        depth: number of bottlenecks of each block.
        bottom_up_depth: the same of the blocks from fine to coarse, where it differs.
        **options: see `ConvNormLayer`; defaults are those of YOLOv8.

    Call arguments:
        features: dict from "P3", "P4" and "P5" to tensors `(B, H, W, C)`, each half as
            large as the one before, rounded up. Other levels are ignored.

    Returns:
        Dict from "P3", "P4" and "P5" to tensors of the shapes of `features`.

    Raises:
        ValueError: if a level is missing or a depth is no positive int.

    Reference:
        Liu et al., "Path Aggregation Network for Instance Segmentation", 2018,
        https://arxiv.org/abs/1803.01534.

    Example:
        >>> maps = {"P3": np.ones((2, 8, 8, 4)), "P4": np.ones((2, 4, 4, 6)),
        ...         "P5": np.ones((2, 2, 2, 8))}
        >>> mixed = keras_cv.models.yolov8.PathAggregation(depth=1)(maps)
        >>> {level: tuple(x.shape) for level, x in mixed.items()}
        {'P3': (2, 8, 8, 4), 'P4': (2, 4, 4, 6), 'P5': (2, 2, 2, 8)}
    """

    def __init__(
        self, depth: int = 2, *, bottom_up_depth: int | None = None, **options: Any
    ) -> None:
        super().__init__(**options)
        self.depth = as_positive_int("depth", depth)
        if bottom_up_depth is not None:
            as_positive_int("bottom_up_depth", bottom_up_depth)
        self.bottom_up_depth = bottom_up_depth

    def build(self, features_shape: Any) -> None:
        maps = select_levels(features_shape)
        widths = {level: shape[-1] for level, shape in maps.items()}
        options = {"depth": self.depth, "shortcut": False}
        bottom_up = {**options, "depth": self.bottom_up_depth or self.depth}
        for fine, coarse in reversed(_NEIGHBOURS):
            width, channels = widths[fine], widths[fine] + widths[coarse]
            self.add(C2fBlock, f"top_down_{fine}", channels, width, **options)
        for fine, coarse in _NEIGHBOURS:
            width, channels = widths[fine], widths[fine] + widths[coarse]
            name = f"downsample_{fine}"
            self.add(ConvNormActivation, name, width, width, strides=2)
            name = f"bottom_up_{coarse}"
            self.add(C2fBlock, name, channels, widths[coarse], **bottom_up)

    def call(self, features: Any, training: bool = False) -> Any:
        maps = select_levels(features)
        for fine, coarse in reversed(_NEIGHBOURS):
            beside = [enlarge(maps[coarse], maps[fine]), maps[fine]]
            maps[fine] = self._mix(f"top_down_{fine}", beside, training)
        for fine, coarse in _NEIGHBOURS:
            halved = getattr(self, f"downsample_{fine}").call(maps[fine], training)
            beside = [halved, maps[coarse]]
            maps[coarse] = self._mix(f"bottom_up_{coarse}", beside, training)
        return maps

    def compute_output_spec(self, features: Any, training: bool = False) -> Any:
        return {
            level: keras.KerasTensor(x.shape, dtype=self.compute_dtype)
            for level, x in select_levels(features).items()
        }

    def _mix(self, name: str, maps: list[Any], training: bool) -> Any:
        # Its convolutions and norms look themselves whether they take the short way.
        return getattr(self, name).call(keras.ops.concatenate(maps, -1), training)


def select_levels(features: Any) -> dict[str, Any]:
    """Returns the maps, or their shapes, of the levels that YOLOv8 looks at.

    Raises:
        ValueError: if one is missing or no batch of feature maps.
    """
    if not isinstance(features, Mapping) or not set(LEVELS) <= set(features):
        given = sorted(features) if isinstance(features, Mapping) else type(features)
        raise ValueError(
            f"Expected feature maps of the levels {list(LEVELS)}, received {given}. "
            "Take a backbone whose `pyramid_outputs` have them."
        )
    maps = {level: features[level] for level in LEVELS}
    for x in maps.values():
        check_feature_map(getattr(x, "shape", x))
    return maps
