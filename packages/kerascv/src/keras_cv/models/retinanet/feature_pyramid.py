"""The feature pyramid of RetinaNet, levels 3 to 7."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from domain_core import ops
from domain_core.arguments import as_positive_int, check_choices
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from keras_cv.layers import feature_pyramid
from keras_cv.layers.conv_norm import build_conv, convolve, make_conv

_LEVELS = ("P3", "P4", "P5")


@serializable("kerascv>retinanet")
class FeaturePyramid(RemembersArguments, keras.layers.Layer):
    """Levels P3 to P7, of one number of channels, from P3, P4 and P5.

    P3 to P5 are those of `keras_cv.layers.FeaturePyramid`; P6 is a strided convolution
    of the coarsest map of the backbone, and P7 one of P6 behind a ReLU.

    Args:
        num_channels: channels `D`.
        coarser_from: what P6 is made of: "input", the backbone's P5, as in the paper,
            or "output", that of the pyramid, as in later models.
        padding: of the strided convolutions: "same", where an odd pixel goes to the
            end, or "symmetric".

    Call arguments:
        features: dict with tensors `(B, H, W, C)` "P3", "P4" and "P5".

    Returns:
        Dict with tensors `(B, H, W, D)` "P3" to "P7", each half of the one before,
        rounded up.

    Reference:
        Lin et al., "Focal Loss for Dense Object Detection", 2017,
        https://arxiv.org/abs/1708.02002.

    Example:
        >>> maps = {"P3": np.ones((1, 8, 8, 3)), "P4": np.ones((1, 4, 4, 5)),
        ...         "P5": np.ones((1, 2, 2, 6))}
        >>> pyramid = keras_cv.models.retinanet.FeaturePyramid(num_channels=4)
        >>> tuple(pyramid(maps)["P6"].shape)
        (1, 1, 1, 4)
    """

    def __init__(
        self,
        *,
        num_channels: int = 256,
        coarser_from: str = "input",
        padding: str = "same",
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        as_positive_int("num_channels", num_channels)
        check_choices(
            coarser_from=(coarser_from, ("input", "output")),
            padding=(padding, ("same", "symmetric")),
        )
        self.num_channels = num_channels
        self.coarser_from = coarser_from
        self.padding = padding
        self.kernel_initializer = keras.initializers.get("glorot_uniform")
        self.pyramid = feature_pyramid.FeaturePyramid(
            3, 5, num_channels, dtype=self.dtype_policy, name="pyramid"
        )
        self.coarser_6, self.coarser_7 = (
            make_conv(
                num_channels,
                3,
                f"coarser_{level}",
                self,
                strides=2,
                padding=padding,
                use_bias=True,
            )
            for level in (6, 7)
        )

    def build(self, features_shape: Any) -> None:
        shapes = {int(key[1:]): features_shape[key] for key in _LEVELS}
        self.pyramid.build(shapes)
        wide = (None, None, None, self.num_channels)
        build_conv(self.coarser_6, shapes[5] if self.coarser_from == "input" else wide)
        build_conv(self.coarser_7, wide)

    def call(self, features: Mapping[str, Any]) -> dict[str, Any]:
        maps = self.pyramid.call({int(key[1:]): features[key] for key in _LEVELS})
        levels = {f"P{level}": x for level, x in maps.items()}
        x = features["P5"] if self.coarser_from == "input" else levels["P5"]
        levels["P6"] = convolve(self.coarser_6, x, self.dtype_policy)
        x = ops.activation("relu")(levels["P6"])
        return {**levels, "P7": convolve(self.coarser_7, x, self.dtype_policy)}

    def compute_output_shape(self, features_shape: Any) -> dict[str, tuple]:
        batch, *size, _ = features_shape["P3"]
        shapes = {}
        for level in range(3, 8):
            shapes[f"P{level}"] = (batch, *size, self.num_channels)
            size = [None if length is None else -(-length // 2) for length in size]
        return shapes
