"""Layers that move things, and never change their colours."""

from __future__ import annotations

from typing import Any

from domain_core.arguments import as_finite, check_choices
from domain_core.arrays.operations import Operations
from keras_cv.augmentation.apply_transform import move
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.transform import FILL_MODES, INTERPOLATIONS, Transform
from keras_cv.bounding_box.formats import parse
from keras_cv.core.factor_sampler import FactorSampler
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
    Parameters,
)


class GeometricAugmentation(BaseImageAugmentationLayer):
    """Moves images with their boxes, masks and keypoints by one matrix.

    A subclass writes `sample` and `transform`. Masks take the nearest pixel. Boxes are
    those around their moved corners, clipped; boxes and keypoints that end outside
    become padding, -1.

    Args:
        bounding_box_format: of the boxes, such as "xyxy"; see `keras_cv.bounding_box`.
            Needed if there are any.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if there is no such format.
    """

    only_moves = True

    def __init__(
        self,
        bounding_box_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        if bounding_box_format is not None:
            parse(bounding_box_format)
        self.bounding_box_format = bounding_box_format

    def transform(
        self, parameters: Parameters, sizes: Any, ops: Operations
    ) -> Transform:
        """Returns how to move the images.

        Args:
            parameters: what `sample` returned, `(B,)` or `(B, n)`.
            sizes: float32 `(B, 2)`, heights and widths of the images.
            ops: functions of the arrays.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `transform`.")

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        transform = self.transform(parameters, batch.sizes, batch.engine.ops)
        return move(batch, transform, self.bounding_box_format, type(self).__name__)


def along(x_factor: FactorSampler | None, y_factor: FactorSampler | None) -> int | None:
    """Returns which of two factors is not always 0; see `Transform.along`."""
    moves_x, moves_y = (
        factor is not None and factor.bounds != (0.0, 0.0)
        for factor in (x_factor, y_factor)
    )
    return None if moves_x and moves_y else int(moves_x)


class FillingAugmentation(GeometricAugmentation):
    """A geometric augmentation that may look outside the image.

    Args:
        fill_mode: what lies there: "reflect" (the edge is repeated), "constant",
            "wrap" or "nearest".
        interpolation: "bilinear" or "nearest".
        fill_value: of the constant.
        bounding_box_format: see `GeometricAugmentation`.
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if an argument is none of its choices, or no number.
    """

    def __init__(
        self,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        bounding_box_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(bounding_box_format, seed, **kwargs)
        check_choices(
            fill_mode=(fill_mode, FILL_MODES),
            interpolation=(interpolation, INTERPOLATIONS),
        )
        self.fill_mode = fill_mode
        self.interpolation = interpolation
        self.fill_value = as_finite("fill_value", fill_value)

    def filled(self, matrix: Any, **attributes: Any) -> Transform:
        """Returns the transform of a matrix that fills as told."""
        return Transform(
            matrix,
            fill_mode=self.fill_mode,
            fill_value=self.fill_value,
            interpolation=self.interpolation,
            **attributes,
        )
