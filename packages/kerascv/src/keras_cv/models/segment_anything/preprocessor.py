"""Raw images to the input of Segment Anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from domain_core import Preprocessor, serializable
from domain_core.images.converter import ImageConverter

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
            a dict with "images" and prompts, see `SegmentAnythingModel`. Points and
            boxes are in pixels of the images as they come, masks in those of the
            model's outputs.
        y: passed on as it is.
        sample_weight: passed on too.

    Returns:
        Floats `(B, height, width, channels)`, or the dict with those, and with points
        and boxes where the pixels went that they point at. With `y`, a tuple with it,
        and with `sample_weight`.

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
        inputs: Any
        if isinstance(x, Mapping):
            pixels, placements = self.convert(x["images"])
            inputs = {**x, "images": pixels}
            for key in ("points", "boxes"):
                if x.get(key) is not None:
                    inputs[key] = _moved(key, x[key], placements)
        else:
            inputs = self.image_converter(x)
        return keras.utils.pack_x_y_sample_weight(inputs, y, sample_weight)

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


def _moved(key: str, prompts: Any, placements: np.ndarray) -> np.ndarray:
    """Returns points `(B, ..., 2)` where their images went; boxes of -1 stay."""
    given = np.asarray(keras.ops.convert_to_numpy(prompts), "float32")
    if given.ndim < 2 or given.shape[-1] != 2 or len(given) != len(placements):
        raise ValueError(
            f"Expected {key!r} of {len(placements)} images, x and y last, received the "
            f"shape {given.shape}."
        )
    axes = (len(given), *[1] * (given.ndim - 2), 2)
    scale, shift = placements[:, :2].reshape(axes), placements[:, 2:4].reshape(axes)
    moved = given * scale + shift
    if key != "boxes":
        return moved  # labels say which are padding
    return np.where((given == -1).all(axis=(-2, -1), keepdims=True), -1, moved)
