"""Layers that make images out of several of a batch."""

from __future__ import annotations

from typing import Any

from domain_core.arrays.operations import Operations, is_float
from keras_cv.augmentation.batch import Batch
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
)


class MixingAugmentation(BaseImageAugmentationLayer):
    """Mixes each image of a batch with others of it.

    A batch of one is mixed with itself. A subclass writes `sample` and `augment`.
    """

    mixes_samples = True

    def check(self, batch: Batch) -> None:
        name = type(self).__name__
        if isinstance(batch.images, list):
            raise ValueError(
                f"{name} mixes images of one size, received some of different sizes. "
                "Apply `Resizing` or `RandomCropAndResize` before it."
            )
        if batch.is_single:
            raise ValueError(
                f"{name} mixes the images of a batch, received a single image. Apply "
                "it after `batch`."
            )
        if batch.labels is not None and not is_float(batch.labels.dtype):
            raise ValueError(
                f"{name} mixes labels, received some of dtype {batch.labels.dtype}. "
                "Convert them to one-hot floats: `keras.ops.one_hot(labels, classes)`."
            )


def mix(values: Any, other: Any, share: Any, ops: Operations) -> Any:
    """Returns `share * values + (1 - share) * other`, share float32 `(B,)`."""
    share = ops.reshape(share, (-1,) + (1,) * (len(values.shape) - 1))
    share = ops.cast(share, values.dtype)
    return share * values + (1 - share) * other


def with_other_boxes(batch: Batch, other: Batch) -> dict[str, Any]:
    """Returns the boxes of two batches side by side, as attributes of a `Batch`."""
    if batch.boxes is None:
        return {}
    ops = batch.engine.ops
    return {
        "boxes": ops.concatenate([batch.boxes, other.boxes], axis=1),
        "box_labels": {
            name: ops.concatenate([values, other.box_labels[name]], axis=1)
            for name, values in batch.box_labels.items()
        },
    }


def with_other_keypoints(batch: Batch, other: Batch) -> dict[str, Any]:
    """Returns the keypoints of two batches side by side."""
    if batch.keypoints is None:
        return {}
    points = [batch.keypoints, other.keypoints]
    return {"keypoints": batch.engine.ops.concatenate(points, axis=1)}
