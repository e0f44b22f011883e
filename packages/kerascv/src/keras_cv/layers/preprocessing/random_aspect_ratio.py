"""Makes images wider and lower, or narrower and higher."""

from __future__ import annotations

import math
from typing import Any

from domain_core.arguments import check_choices
from domain_core.arrays.operations import Operations
from domain_core.serialization import serializable
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.augmentation.transform import INTERPOLATIONS, Transform, scaling
from keras_cv.core.factor_sampler import Factor, as_interval
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    Parameters,
    Shape,
)
from keras_cv.layers.preprocessing.geometric_augmentation import GeometricAugmentation


@serializable("kerascv")
class RandomAspectRatio(GeometricAugmentation):
    """Multiplies the widths of images by a factor, and divides their heights by it.

    Images come out of different sizes: as a list, those of TensorFlow as a ragged
    tensor.

    Args:
        factor: a pair above 0, or a `FactorSampler`.
        interpolation: "bilinear" or "nearest".
        bounding_box_format: see `GeometricAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is out of range, and for tensors in a model or a pure
            TensorFlow graph, which are of one size.
    """

    makes_sizes_differ = True
    needs_host = True

    def __init__(
        self,
        factor: Factor,
        interpolation: str = "bilinear",
        bounding_box_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(bounding_box_format, seed, **kwargs)
        self.factor = as_interval("factor", factor, math.inf)
        check_choices(interpolation=(interpolation, INTERPOLATIONS))
        self.interpolation = interpolation

    def check(self, batch: Batch) -> None:
        if not batch.engine.on_host:
            raise ValueError(
                "RandomAspectRatio makes images of different sizes, which have no "
                "place in one tensor: not in a model, nor in a pure TensorFlow graph. "
                "Apply it ahead of them: directly, in a data loader, or in `tf.data` "
                "without graph=True."
            )

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {"factor": self.factor.draw(draws)}

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        factor = parameters["factor"]
        exact = ops.stack([sizes[:, 0] / factor, sizes[:, 1] * factor], axis=1)
        outputs = ops.maximum(ops.round(exact), 1.0)
        scale = outputs / sizes
        return Transform(
            scaling(scale[:, 1], scale[:, 0], ops),
            sizes=outputs,
            fill_mode="nearest",
            interpolation=self.interpolation,
            is_axis_aligned=True,
            stays_inside=True,
        )

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0], None, None, shape[3])
