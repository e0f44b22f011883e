"""Carries what coarse feature maps know to fine ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from domain_core.arguments import as_positive_int
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable
from domain_core.weights.initialization import initializer
from keras_cv.layers.conv_norm import build_conv, convolve
from keras_cv.layers.feature_maps import check_feature_map, enlarge


@serializable("kerascv")
class FeaturePyramid(RemembersArguments, keras.layers.Layer):
    """A feature pyramid network over maps that halve in size from level to level.

    From the coarsest level down: the lateral layer of the level, plus the sum of the
    level above, enlarged twofold by repeating cells. The output layer of a level reads
    this sum. Maps of odd size are fine: level `l + 1` is half of level `l`, rounded up,
    and the last row or column that enlarging gives too much is cut off.

    Args:
        min_level: finest level, at least 1.
        max_level: coarsest level, at least `min_level`.
        num_channels: number of channels `D` of the default layers.
        lateral_layers: dict from each level to the layer its map goes through first;
            None for 1x1 convolutions.
        output_layers: dict from each level to the layer its sum goes through last;
            None for 3x3 convolutions.

    Call arguments:
        features: dict from each level, an int, to a tensor `(B, H, W, C)`; levels
            outside `[min_level, max_level]` are ignored. Keys may be strings of digits,
            which is what saved JSON makes of ints.

    Returns:
        Dict from each level to a tensor `(B, H, W, D)` of its map's height and width,
        in the compute dtype.

    Raises:
        ValueError: if the levels are out of order, a dict does not have exactly these
            levels, a map is missing or maps do not halve.

    Reference:
        Lin et al., "Feature Pyramid Networks for Object Detection", 2016,
        https://arxiv.org/abs/1612.03144.

    Example:
        >>> maps = {3: np.ones((2, 9, 7, 3)), 4: np.ones((2, 5, 4, 5))}
        >>> pyramid = keras_cv.layers.FeaturePyramid(3, 4, num_channels=4)(maps)
        >>> {level: tuple(x.shape) for level, x in pyramid.items()}
        {3: (2, 9, 7, 4), 4: (2, 5, 4, 4)}
    """

    def __init__(
        self,
        min_level: int,
        max_level: int,
        num_channels: int = 256,
        lateral_layers: Mapping[int, keras.layers.Layer] | None = None,
        output_layers: Mapping[int, keras.layers.Layer] | None = None,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self.min_level = as_positive_int("min_level", min_level)
        self.max_level = as_positive_int("max_level", max_level)
        if self.min_level > self.max_level:
            raise ValueError(
                f"Expected `min_level` up to `max_level`, received {min_level} and "
                f"{max_level}. Swap them: the finest level has the smallest number."
            )
        self.levels = list(range(self.min_level, self.max_level + 1))
        self.num_channels = as_positive_int("num_channels", num_channels)
        self._given = [
            name
            for name, layers in (
                ("lateral_layers", lateral_layers),
                ("output_layers", output_layers),
            )
            if layers is not None
        ]
        self.lateral_layers = (
            self._convolutions("lateral", kernel_size=1)
            if lateral_layers is None
            else self._checked("lateral_layers", lateral_layers)
        )
        self.output_layers = (
            self._convolutions("output", kernel_size=3)
            if output_layers is None
            else self._checked("output_layers", output_layers)
        )

    def build(self, features_shape: Any) -> None:
        shapes = self._select(features_shape)
        coarser = None
        for level in reversed(self.levels):
            check_feature_map(shapes[level])
            shape = self._build_layer("lateral_layers", level, shapes[level])
            if coarser is not None:
                _check_halves(level, shape, coarser)
            coarser = shape
            self._build_layer("output_layers", level, shape)

    def call(self, features: Any) -> Any:
        features = self._select(features)
        outputs = {}
        x: Any = None
        for level in reversed(self.levels):
            lateral = self._apply("lateral_layers", level, features[level])
            if x is not None:
                _check_halves(level, lateral.shape, x.shape)
                lateral = lateral + enlarge(x, lateral)
            x = lateral  # (B, H, W, D)
            outputs[level] = self._apply("output_layers", level, x)
        return {level: outputs[level] for level in self.levels}

    def compute_output_shape(self, features_shape: Any) -> Any:
        shapes = self._select(features_shape)
        return {
            level: self.output_layers[str(level)].compute_output_shape(
                self.lateral_layers[str(level)].compute_output_shape(shapes[level])
            )
            for level in self.levels
        }

    def get_config(self) -> dict[str, Any]:
        # Layers that were given are there as they are, for Keras to serialize with what
        # else shares them; others are made again.
        layers = {
            name: (
                {int(level): layer for level, layer in getattr(self, name).items()}
                if name in self._given
                else None
            )
            for name in ("lateral_layers", "output_layers")
        }
        return super().get_config() | layers

    def _build_layer(self, part: str, level: int, shape: Any) -> Any:
        """Builds a layer and returns the shape of its output."""
        layer = getattr(self, part)[str(level)]
        if part not in self._given:
            build_conv(layer, shape)
        elif not layer.built:
            layer.build(shape)
        return layer.compute_output_shape(shape)

    def _apply(self, part: str, level: int, x: Any) -> Any:
        layer = getattr(self, part)[str(level)]
        # What a user's layer does is known to its own call alone.
        return (
            layer(x) if part in self._given else convolve(layer, x, self.dtype_policy)
        )

    def _convolutions(
        self, part: str, kernel_size: int
    ) -> dict[str, keras.layers.Layer]:
        # TensorFlow exports no dict of layers by numbers.
        return {
            str(level): keras.layers.Conv2D(
                self.num_channels,
                kernel_size,
                padding="same",
                data_format="channels_last",
                kernel_initializer=initializer("glorot_uniform"),
                dtype=self.dtype_policy,
                name=f"{part}_{level}",
            )
            for level in self.levels
        }

    def _checked(self, name: str, layers: Any) -> dict[str, keras.layers.Layer]:
        """Returns the layers by level if there is exactly one for each."""
        layers = _by_level(name, layers)
        if sorted(layers) != self.levels or not all(
            isinstance(layer, keras.layers.Layer) for layer in layers.values()
        ):
            raise ValueError(
                f"Expected `{name}` to be a dict with a Keras layer for each of the "
                f"levels {self.levels} and no other, received {layers}."
            )
        return {str(level): layers[level] for level in self.levels}

    def _select(self, features: Any) -> dict[int, Any]:
        """Returns the maps, or their shapes, of the levels of this pyramid."""
        features = _by_level("features", features)
        missing = [level for level in self.levels if level not in features]
        if missing:
            raise ValueError(
                f"Expected feature maps of the levels {self.levels}, received those of "
                f"{sorted(features)}; {missing} are missing. Pass them, or make the "
                "pyramid for the levels you have."
            )
        return {level: features[level] for level in self.levels}


def _by_level(name: str, values: Any) -> dict[int, Any]:
    try:
        return {int(level): value for level, value in values.items()}
    except (AttributeError, TypeError, ValueError):
        keys = list(values) if isinstance(values, dict) else type(values).__name__
        raise ValueError(
            f"Expected `{name}` to be a dict by level, such as {{3: ..., 4: ...}}, "
            f"received {keys}."
        ) from None


def _check_halves(level: int, finer: Any, coarser: Any) -> None:
    """Checks the sizes that are known before the call."""
    for fine, coarse in zip(finer[1:3], coarser[1:3], strict=True):
        if None not in (fine, coarse) and coarse != -(-fine // 2):
            raise ValueError(
                f"Expected the map of level {level + 1} to be half as large as that of "
                f"level {level}, rounded up, received (height, width) "
                f"{tuple(coarser[1:3])} and {tuple(finer[1:3])}. Pad images so that "
                "their sides are multiples of the coarsest level's stride."
            )
