"""Places in an image as waves of random frequencies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from domain_core import initializer
from domain_core.arguments import as_positive, as_positive_int
from domain_core.remembered_arguments import RemembersArguments
from domain_core.serialization import serializable


@serializable("kerascv")
class RandomFrequencyPositionalEmbeddings(RemembersArguments, keras.layers.Layer):
    """Sine and cosine of random directions in the plane: random Fourier features.

    A place, relative to the size of the image, is shifted to `[-1, 1]` and projected
    on `F` vectors that are drawn once, and do not train. All is computed in float32,
    since 16 bits do not tell neighbouring pixels apart, and cast afterwards.

    Args:
        num_positional_features: number of vectors `F`.
        scale: standard deviation of the vectors.
        name: name of the layer.
        trainable: not used: it has no weights that train.
        dtype: dtype policy.

    Call arguments:
        size: height and width of a grid, passed by name; see `encode_image`.

    Returns:
        Tensor `(height, width, 2 * F)`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        Tancik et al., "Fourier Features Let Networks Learn High Frequency Functions in
        Low Dimensional Domains", 2020, https://arxiv.org/abs/2006.10739.

    Example:
        >>> layer = keras_cv.layers.RandomFrequencyPositionalEmbeddings(8, scale=1)
        >>> tuple(layer(size=(3, 4)).shape)
        (3, 4, 16)
        >>> tuple(layer.encode_coordinates(np.ones((2, 5, 2)), (32, 64)).shape)
        (2, 5, 16)
    """

    def __init__(
        self,
        num_positional_features: int,
        scale: float,
        *,
        name: str | None = None,
        trainable: bool = True,
        dtype: Any = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype, autocast=False)
        self.num_positional_features = as_positive_int(
            "num_positional_features", num_positional_features
        )
        as_positive("scale", scale)
        self.scale = scale

    def build(self, size_shape: Any = None) -> None:
        self.frequencies = self.add_weight(
            name="frequencies",
            shape=(2, self.num_positional_features),
            initializer=initializer(keras.initializers.RandomNormal(0.0, self.scale)),
            dtype="float32",
            trainable=False,
            autocast=False,
        )
        self.built = True

    def call(self, size: Sequence[int]) -> Any:
        return self.encode_image(size)

    def encode_image(self, size: Sequence[int]) -> Any:
        """Encodes the centres of all pixels of a grid.

        Args:
            size: height and width in pixels.

        Returns:
            Tensor `(height, width, 2 * F)`.
        """
        height, width = size
        y, x = np.mgrid[:height, :width] + 0.5
        return self.encode_coordinates(np.stack([x, y], -1), size)

    def encode_coordinates(self, coords_input: Any, image_size: Sequence[int]) -> Any:
        """Encodes places.

        Args:
            coords_input: tensor `(..., 2)`, x and y in pixels.
            image_size: height and width in pixels.

        Returns:
            Tensor `(..., 2 * F)`.
        """
        if not self.built:
            self.build()
        coordinates = ops.cast(ops.convert_to_tensor(coords_input), "float32")
        frequencies = ops.convert_to_tensor(self.frequencies)
        angles = 0.0
        # Without a product of matrices, which some devices round to fewer bits.
        for axis, pixels in enumerate(reversed(tuple(image_size))):
            place = coordinates[..., axis : axis + 1] * (2.0 / pixels) - 1.0
            angles = angles + place * frequencies[axis] * (2.0 * math.pi)
        waves = ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)
        return ops.cast(waves, self.compute_dtype)

    def compute_output_spec(self, size: Sequence[int]) -> Any:
        shape = (*size, 2 * self.num_positional_features)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)
