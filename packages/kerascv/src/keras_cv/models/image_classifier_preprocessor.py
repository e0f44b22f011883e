"""Raw images to the input of an image classifier."""

from __future__ import annotations

from typing import Any

import keras

from domain_core import Preprocessor, serializable
from domain_core.images.converter import ImageConverter


@serializable(package="kerascv")
class ImageClassifierPreprocessor(Preprocessor):
    """Brings images to one size and scale; labels pass through.

    Call arguments:
        x: images in any form that `ImageConverter` takes: arrays, PIL images, paths.
        y: labels, passed on as they are.
        sample_weight: passed on too.

    Returns:
        Floats `(B, height, width, channels)`, without `B` for a single image. With `y`,
        `(images, y)` or `(images, y, sample_weight)`.

    Args:
        image_converter: an `ImageConverter`.
        **kwargs: see `Preprocessor`.

    Raises:
        ValueError: if there is no converter, or an image is broken.

    Example:
        >>> converter = keras_cv.layers.ImageConverter((4, 4), scale=1 / 255)
        >>> preprocessor = keras_cv.models.ImageClassifierPreprocessor(converter)
        >>> preprocessor([np.zeros((9, 8, 3)), np.ones((5, 6, 3))]).shape
        (2, 4, 4, 3)
    """

    def __init__(self, image_converter: ImageConverter, **kwargs: Any) -> None:
        if not callable(image_converter):
            raise ValueError(
                "Expected an ImageConverter, received "
                f"{image_converter!r}. Pass `ImageConverter((224, 224))`."
            )
        super().__init__(**kwargs)
        self.image_converter = image_converter

    def __call__(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        return keras.utils.pack_x_y_sample_weight(
            self.image_converter(x), y, sample_weight
        )
