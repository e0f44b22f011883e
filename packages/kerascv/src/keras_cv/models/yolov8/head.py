"""Predicts, at each pixel of a pyramid, a box and how likely each class is."""

from __future__ import annotations

import math
from typing import Any

import keras

from domain_core.arguments import as_positive_int
from domain_core.serialization import serializable
from keras_cv.layers.conv_norm import build_conv, make_conv
from keras_cv.models.yolov8.blocks import YOLOV8Layer
from keras_cv.models.yolov8.distribution import BINS
from keras_cv.models.yolov8.path_aggregation import LEVELS, select_levels

_SIDES = 4
# Of each class before training: most places show nothing.
_PROBABILITY = 0.01
_BIASES = {"box": 1.0, "class": math.log(_PROBABILITY / (1 - _PROBABILITY))}


@serializable("kerascv")
class YOLOV8Head(YOLOV8Layer):
    """The decoupled head of YOLOv8: one branch for boxes, one for classes.

    A branch is, for each level, two convolutions of 3 pixels and one of 1, which has a
    bias, and is computed in float32 where the rest is in 16 bit. Before training, each
    class has a probability of about 0.01.

    Args:
        num_classes: number of classes.
        **options: see `ConvNormLayer`; defaults are those of YOLOv8.

    Call arguments:
        features: dict from "P3", "P4" and "P5" to tensors `(B, H, W, C)`. Other levels
            are ignored.

    Returns:
        Dict of float32 tensors. "boxes" `(B, N, 64)`: logits of 16 distances for each
        of left, top, right and bottom, see `decode_boxes`. "classes" `(B, N,
        num_classes)`: logits. The `N` places are those of `get_anchors`.

    Raises:
        ValueError: if a level is missing or `num_classes` is no positive int.

    Example:
        >>> maps = {"P3": np.ones((2, 8, 8, 4)), "P4": np.ones((2, 4, 4, 6)),
        ...         "P5": np.ones((2, 2, 2, 8))}
        >>> outputs = keras_cv.models.yolov8.YOLOV8Head(num_classes=3)(maps)
        >>> {name: tuple(x.shape) for name, x in outputs.items()}
        {'boxes': (2, 84, 64), 'classes': (2, 84, 3)}
    """

    def __init__(self, num_classes: int, **options: Any) -> None:
        super().__init__(**options)
        self.num_classes = as_positive_int("num_classes", num_classes)
        self.depths = {"box": _SIDES * BINS, "class": self.num_classes}
        # Losses of half-precision logits lose digits, and predictions would be 16 bit.
        half = self.compute_dtype in ("float16", "bfloat16")
        policy = "float32" if half else self.dtype_policy
        self.output_policy = keras.dtype_policies.get(policy)

    def build(self, features_shape: Any) -> None:
        channels = {k: shape[-1] for k, shape in select_levels(features_shape).items()}
        finest = channels[LEVELS[0]]
        widths = {
            "box": max(64, finest // 4),
            "class": max(finest, min(self.num_classes, 100)),
        }
        for branch, width in widths.items():
            for level, channel in channels.items():
                prefix = f"{branch}_{level}_"
                self.add_conv_norm(f"{prefix}1_", channel, width, 3)
                self.add_conv_norm(f"{prefix}2_", width, width, 3)
                self._add_output(f"{prefix}output", branch, width)

    def call(self, features: Any, training: bool = False) -> Any:
        maps = select_levels(features)
        return {
            "boxes": self._branch("box", maps, training),
            "classes": self._branch("class", maps, training),
        }

    def compute_output_spec(self, features: Any, training: bool = False) -> Any:
        shapes = [x.shape for x in select_levels(features).values()]
        known = not any(None in shape[1:3] for shape in shapes)
        places = sum(math.prod(shape[1:3]) for shape in shapes) if known else None
        return {
            name: keras.KerasTensor(
                (shapes[0][0], places, self.depths[branch]),
                dtype=self.output_policy.compute_dtype,
            )
            for name, branch in (("boxes", "box"), ("classes", "class"))
        }

    def _add_output(self, name: str, branch: str, width: int) -> None:
        conv = make_conv(self.depths[branch], 1, name, self, use_bias=True)
        conv.bias_initializer = keras.initializers.Constant(_BIASES[branch])
        conv.dtype_policy = self.output_policy
        build_conv(conv, (None, None, None, width))
        setattr(self, name, conv)

    def _branch(self, branch: str, maps: dict[str, Any], training: bool) -> Any:
        outputs = []
        for level, x in maps.items():
            prefix = f"{branch}_{level}_"
            x = self.conv_norm_activate(f"{prefix}1_", x, training)
            x = self.conv_norm_activate(f"{prefix}2_", x, training)
            # Called as a layer where it has a policy of its own.
            x = self.convolve(f"{prefix}output", x)
            height, width = keras.ops.shape(x)[1:3]
            places = (-1, height * width, self.depths[branch])
            outputs.append(keras.ops.reshape(x, places))
        return keras.ops.concatenate(outputs, axis=1)  # (B, N, D)
