"""Layers that change colours and leave everything where it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain_core.arrays.operations import Operations, is_uint8
from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.statistics import Statistics
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
    Parameters,
)
from keras_cv.value_range import as_value_range


class ColorAugmentation(BaseImageAugmentationLayer):
    """Changes the pixels of images; labels, boxes, masks and keypoints stay.

    A subclass writes `sample` and `augment_images`.

    Args:
        value_range: smallest and largest value of the images. uint8 images always have
            (0, 255).
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.

    Raises:
        ValueError: if the range is none.
    """

    def __init__(
        self,
        value_range: Sequence[float] = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed, **kwargs)
        self.value_range = as_value_range(value_range)

    def augment_images(self, batch: Batch, parameters: Parameters) -> Any:
        """Returns changed images."""
        raise NotImplementedError(f"{type(self).__name__} must write `augment_images`.")

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        return batch.replace(images=self.augment_images(batch, parameters))

    def check(self, batch: Batch) -> None:
        if is_uint8(batch.images[0].dtype) and self.value_range != (0.0, 255.0):
            raise ValueError(
                f"{type(self).__name__} has the value_range {self.value_range}, but "
                "received uint8 images, which have (0, 255). Convert the images to "
                "float32 first, or construct it with value_range=(0, 255)."
            )


class ValueAugmentation(ColorAugmentation):
    """Changes each value of an image by itself.

    What a value becomes may depend on its channel and on figures of the whole image,
    but not on the pixel's place or its other channels. On the host this is a table of
    256 levels.

    A subclass writes `sample` and `change_values`.
    """

    def change_values(
        self,
        values: Any,
        parameters: Parameters,
        statistics: Statistics,
        ops: Operations,
    ) -> Any:
        """Returns changed values.

        Args:
            values: float32 `(B, N, C)` or `(B, N, 1)`, in the value range.
            parameters: what `sample` returned, as `(B, 1, 1)` or `(B, 1, C)`.
            statistics: of each image and channel, `(B, 1, C)`.
            ops: functions of the arrays.

        Returns:
            Float32 of the shape of `values`, or with all channels.
        """
        raise NotImplementedError(f"{type(self).__name__} must write `change_values`.")

    def augment_images(self, batch: Batch, parameters: Parameters) -> Any:
        return batch.engine.map_values(
            batch.images,
            self.change_values,
            by_channel(parameters, batch.engine.ops),
            dtype=self.result_dtype,
        )

    @property
    def result_dtype(self) -> str | None:
        """Dtype of the images that come out; None for that of those that go in."""
        return None

    def output_dtype(self, dtype: str) -> str:
        return self.result_dtype or super().output_dtype(dtype)


def by_channel(parameters: Parameters, ops: Operations) -> Parameters:
    """Gives parameters `(B,)` or `(B, C)` the shape `(B, 1, 1)` or `(B, 1, C)`."""
    return {
        name: value[:, None, None] if len(value.shape) == 1 else value[:, None, :]
        for name, value in parameters.items()
    }
