"""Raw images to the input of Segment Anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from domain_core import Preprocessor, serializable
from domain_core.images.converter import ImageConverter
from keras_cv.models.segment_anything.training_samples import dense_samples

# Of published models. Filled up with the mean of ImageNet, which they subtract: what
# their blocks see there is 0.
IMAGE_CONVERTER: dict[str, Any] = {
    "image_size": (1024, 1024),
    "crop_to_aspect_ratio": False,
    "pad_to_aspect_ratio": True,
    "pad_position": "top_left",
    "pad_value": [123.675, 116.28, 103.53],
}


@serializable(package="kerascv")
class SegmentAnythingPreprocessor(Preprocessor):
    """Brings images to one size without losing what is in them; prompts move along.

    Call arguments:
        x: images in any form that `ImageConverter` takes: arrays, PIL images, paths; or
            a dict with "images" and prompts for each, see `SegmentAnything.predict`:
            points and boxes in pixels of the images as they come.
        y: true masks `(P, H, W)` for each image, of its size; or None.
        sample_weight: one number per image, or None.

    Returns:
        Floats `(B, height, width, channels)`, or the dict of a `SegmentAnythingModel`
        with those, and with prompts where the pixels went that they point at. With `y`
        a tuple: "masks" uint8 `(B, P, height / 4, width / 4)` and weights `(B, P)`
        follow, 0 for sets of prompts that an image has fewer than others.

    Args:
        image_converter: an `ImageConverter` that pads or stretches; one that crops, as
            image classifiers have, is replaced by one that pads. None for that of the
            published models: 1024 x 1024 pixels in [0, 255], filled up at the right and
            at the bottom.
        **kwargs: see `Preprocessor`.

    Raises:
        ValueError: if there is no converter, an image is broken, or prompts are not of
            as many images.

    Example:
        >>> preprocessor = keras_cv.models.SegmentAnythingPreprocessor()
        >>> pixels, placements = preprocessor.convert([np.zeros((512, 256, 3))])
        >>> pixels.shape, placements.tolist()
        ((1, 1024, 1024, 3), [[2.0, 2.0, 0.0, 0.0, 512.0, 256.0]])
    """

    def __init__(
        self, image_converter: ImageConverter | None = None, **kwargs: Any
    ) -> None:
        converter = image_converter
        if converter is None:
            converter = ImageConverter(**IMAGE_CONVERTER)
        if not isinstance(converter, ImageConverter):
            raise ValueError(
                "Expected an ImageConverter or None, received "
                f"{image_converter!r:.200}. Pass `ImageConverter(1024, "
                "crop_to_aspect_ratio=False, pad_to_aspect_ratio=True)`."
            )
        super().__init__(**kwargs)
        crops = converter.crop_to_aspect_ratio
        self.image_converter = _padding(converter) if crops else converter

    def __call__(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        if isinstance(x, Mapping) and (y is not None or set(x) != {"images"}):
            height, width = self.image_converter.image_size
            return keras.utils.pack_x_y_sample_weight(
                *self.samples(x, y, sample_weight, mask_size=(height // 4, width // 4))
            )
        images = x["images"] if isinstance(x, Mapping) else x
        return keras.utils.pack_x_y_sample_weight(
            self.image_converter(images), y, sample_weight
        )

    def samples(
        self,
        x: Mapping[str, Any],
        y: Any = None,
        sample_weight: Any = None,
        *,
        mask_size: tuple[int, int],
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None, np.ndarray | None]:
        """Does what a call does on a dict, for masks of any size.

        Args:
            x: as of a call, or with "image_embeddings" and "placements" for "images".
            y: likewise.
            sample_weight: likewise.
            mask_size: height and width of the masks that the model gives.

        Raises:
            ValueError: if prompts or masks do not fit to their image.
        """
        return dense_samples(
            x,
            y,
            sample_weight,
            convert=self.convert,
            image_size=self.image_converter.image_size,
            mask_size=mask_size,
        )

    def convert(self, images: Any) -> tuple[np.ndarray, np.ndarray]:
        """Brings images to one size.

        Args:
            images: as of a call, without prompts; no single image.

        Returns:
            Floats `(B, height, width, channels)`, and float32 `(B, 6)`: what to
            multiply x and y of the image by and what to add then for those of the
            output (x, y, x, y), in pixels, and the image's height and width.

        Raises:
            ValueError: if an image is broken.
        """
        return self.image_converter.convert_and_place(images)


def _padding(converter: ImageConverter) -> ImageConverter:
    """Returns a converter that fills up what another one would crop."""
    options = {**converter.current_arguments(), **IMAGE_CONVERTER}
    for name in ("crop_ratio", "crop_first"):
        del options[name]
    if converter.mean is not None:
        scale = 1.0 if converter.scale is None else converter.scale
        options["pad_value"] = np.divide(converter.mean, scale).tolist()
    elif converter.channels != len(options["pad_value"]):
        del options["pad_value"]
    return ImageConverter(**{**options, "image_size": converter.image_size})
