"""Resizes images by a random scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from domain_core.arguments import check_choices
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation import crop_windows
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.transform import INTERPOLATIONS, Transform, as_matrix
from keras_cv.core.factor_sampler import Factor, as_interval
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    Parameters,
    Shape,
)
from keras_cv.layers.preprocessing.geometric_augmentation import GeometricAugmentation


@serializable("kerascv")
class JitteredResize(GeometricAugmentation):
    """Resizes images by a random scale, and crops or pads them to one size.

    The image is resized, keeping its aspect ratio, to just fit into `target_size` times
    the scale. Of that a crop of at most `crop_size` is taken, anywhere, and put into
    the top left of the output; the rest is 0. Without training the scale is 1.

    Args:
        target_size: `(height, width)` of the output in pixels.
        scale_factor: a pair above 0, such as (0.75, 1.3), or a `FactorSampler`.
        crop_size: `(height, width)`, at most that of the output; None for it.
        bounding_box_format: see `GeometricAugmentation`.
        interpolation: "bilinear" or "nearest".
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range.

    Reference:
        [Simple Copy-Paste is a Strong Data Augmentation Method for Instance
        Segmentation](https://arxiv.org/abs/2012.07177), section 3.
    """

    def __init__(
        self,
        target_size: Sequence[int],
        scale_factor: Factor,
        crop_size: Sequence[int] | None = None,
        bounding_box_format: str | None = None,
        interpolation: str = "bilinear",
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(bounding_box_format, seed, **kwargs)
        self.target_size = crop_windows.as_pair("target_size", target_size)
        self.scale_factor = as_interval("scale_factor", scale_factor, math.inf)
        if crop_size is not None:
            crop_size = crop_windows.as_pair("crop_size", crop_size)
            if crop_size[0] > self.target_size[0] or crop_size[1] > self.target_size[1]:
                raise ValueError(
                    f"Expected `crop_size` to be at most `target_size`, received "
                    f"{crop_size} and {self.target_size}."
                )
        self.crop_size = crop_size
        check_choices(interpolation=(interpolation, INTERPOLATIONS))
        self.interpolation = interpolation

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        shares = draws.uniform(2)
        return {
            "scale": self.scale_factor.draw(draws),
            "top": shares[:, 0],
            "left": shares[:, 1],
        }

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        fitting = crop_windows.fitting(
            sizes, self.target_size, parameters["scale"], ops
        )
        crop_size = self.crop_size or self.target_size
        starts, inner = [], []
        for axis, name in enumerate(("top", "left")):
            length = fitting[:, axis]
            part = ops.minimum(length, float(crop_size[axis]))
            starts.append(crop_windows.place(parameters[name], length, part, ops))
            inner.append(part)
        scale = fitting / sizes
        rows = [
            [scale[:, 1], 0.0, -starts[1]],
            [0.0, scale[:, 0], -starts[0]],
            [0.0, 0.0, 1.0],
        ]
        return Transform(
            as_matrix(rows, ops),
            size=self.target_size,
            fill_mode="nearest",
            interpolation=self.interpolation,
            is_axis_aligned=True,
            stays_inside=True,
            inner=ops.stack(inner, axis=1),
        )

    def without_chance(self, batch: Batch) -> Batch:
        middle = batch.sizes[:, 0] * 0.0 + crop_windows.MIDDLE
        parameters = {"scale": middle * 0.0 + 1.0, "top": middle, "left": middle}
        return self.augment(batch, parameters)

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0], *self.target_size, shape[3])
