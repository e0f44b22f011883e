"""KerasCV's base of augmentations that change a batch at once."""

from __future__ import annotations

from typing import Any

from keras_cv.augmentation.batch import Batch
from keras_cv.augmentation.random_draws import Draws
from keras_cv.layers.preprocessing.base_image_augmentation_layer import (
    BaseImageAugmentationLayer,
    Parameters,
)
from keras_cv.layers.preprocessing.image_by_image import (
    augment_all,
    call_with,
    not_written,
    shape_after,
)


class VectorizedBaseImageAugmentationLayer(BaseImageAugmentationLayer):
    """Runs layers that were written for KerasCV's base of this name.

    New layers are better off with `BaseImageAugmentationLayer`, whose two methods run
    on all engines. A layer here writes `augment_images`, and those of the labels that
    it takes; for images of different sizes `augment_ragged_image`, which gets one at a
    time. It gets and gives float32, labels and masks too. Beside their first argument,
    methods get by name what they ask for: `transformations`, and `images`, `raw_images`
    (before they were changed), `labels` and `bounding_boxes`. Random numbers come from
    `self._random_generator`, or from calls of factor samplers.

    Args:
        seed: see `BaseImageAugmentationLayer`.
        **kwargs: see `BaseImageAugmentationLayer`.
    """

    casts_to_float = True

    def get_random_transformation_batch(self, batch_size: Any, **kwargs: Any) -> Any:
        """Returns what is handed to the other methods: arrays with a row per image."""
        return self._random_generator.uniform((batch_size,)) * 0.0

    def augment_images(self, images: Any, transformations: Any, **kwargs: Any) -> Any:
        """Returns changed images `(B, H, W, C)`."""
        raise not_written(self, "images", "augment_images")

    def augment_ragged_image(
        self, image: Any, transformation: Any, **kwargs: Any
    ) -> Any:
        """Returns a changed image `(H, W, C)`, one of different sizes."""
        raise not_written(self, "images of different sizes", "augment_ragged_image")

    def augment_labels(self, labels: Any, transformations: Any, **kwargs: Any) -> Any:
        """Returns changed labels `(B,)` or `(B, classes)`."""
        raise not_written(self, "labels", "augment_labels")

    def augment_targets(self, targets: Any, transformations: Any, **kwargs: Any) -> Any:
        """Returns changed labels; calls `augment_labels` if it is not written."""
        return call_with(
            self.augment_labels, targets, transformations=transformations, **kwargs
        )

    def augment_bounding_boxes(  # type: ignore[override]
        self, bounding_boxes: Any, transformations: Any = None, **kwargs: Any
    ) -> Any:
        """Returns boxes, a dict of "boxes" `(B, N, 4)` and "classes" `(B, N)`."""
        raise not_written(self, "bounding boxes", "augment_bounding_boxes")

    def augment_keypoints(  # type: ignore[override]
        self, keypoints: Any, transformations: Any = None, **kwargs: Any
    ) -> Any:
        """Returns keypoints `(B, K, 2)`."""
        raise not_written(self, "keypoints", "augment_keypoints")

    def augment_segmentation_masks(
        self, segmentation_masks: Any, transformations: Any, **kwargs: Any
    ) -> Any:
        """Returns masks `(B, H, W, channels)`."""
        raise not_written(self, "masks", "augment_segmentation_masks")

    def sample(self, draws: Draws, batch: Batch) -> Parameters:
        return {"seed": draws.uniform(2)}

    def augment(self, batch: Batch, parameters: Parameters) -> Batch:
        return augment_all(self, batch, parameters["seed"])

    def output_shape(self, shape: Any) -> Any:
        return shape_after(self, shape)

    def dtype_of_labels(self, dtype: str) -> str:
        return "float32"
