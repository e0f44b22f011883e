"""A detector from pixels to boxes, without what only training needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from domain_core.pipeline import PipelineModel
from keras_cv.bounding_box.convert_format import convert_format
from keras_cv.bounding_box.rows import PADDING

# Of the images that shapes are found out with.
_SIZE = 128


class DetectionModel(PipelineModel):
    """Images `(B, H, W, C)` to the objects found in them, on a functional graph.

    Args:
        images: the detector's input.
        outputs: its outputs.
        decode: from outputs and the shape of the images, `(height, width)`, to a dict
            of what was found, "boxes" `(B, D, 4)` among it.
        preprocess: from raw images to pixels and placements, see
            `ObjectDetectorPreprocessor.convert`; None for a model that takes pixels
            alone and gives boxes in these, cut at their borders.
        bounding_box_format: of the boxes.
        name: name of the model.
    """

    def __init__(
        self,
        images: Any,
        outputs: Any,
        *,
        decode: Callable[..., dict[str, Any]],
        preprocess: Callable[[Any], tuple[Any, Any]] | None,
        bounding_box_format: str,
        name: str | None = None,
    ) -> None:
        network = keras.Model(images, outputs)
        decoded = _Decoding(
            decode, bounding_box_format, network.compute_output_shape, name="decoding"
        )
        if preprocess is None:
            super().__init__(images, decoded(outputs, images), name=name)
        else:
            placements = keras.Input((6,), name="placements", dtype="float32")
            super().__init__(
                {images.name: images, "placements": placements},
                decoded(outputs, images, placements),
                name=name,
            )
        self.preprocess = preprocess
        self.images_name = images.name

    def preprocess_samples(
        self, x: Any, y: Any = None, sample_weight: Any = None
    ) -> tuple[Any, Any, Any]:
        """Turns raw images into pixels and where they come from."""
        if self.preprocess is None:
            return x, y, sample_weight
        return self.inputs_of(*self.preprocess(x)), y, sample_weight

    def inputs_of(self, pixels: Any, placements: Any) -> dict[str, Any]:
        """Returns what the model takes.

        Args:
            pixels: see `ObjectDetectorPreprocessor.convert`.
            placements: likewise.
        """
        return {self.images_name: pixels, "placements": placements}


class _Decoding(keras.layers.Layer):
    """The last layer: what was found, in pixels of the images as they came."""

    def __init__(
        self,
        decode: Callable[..., dict[str, Any]],
        bounding_box_format: str,
        shapes: Callable[[tuple], dict[str, tuple]],
        name: str,
    ) -> None:
        super().__init__(name=name, dtype="float32", autocast=False)
        self.decode = decode
        self.bounding_box_format = bounding_box_format
        self.shapes = shapes

    def call(self, outputs: Any, images: Any, placements: Any = None) -> dict[str, Any]:
        shape = ops.shape(images)[1:3]
        found = self.decode(outputs, shape)
        if placements is None:
            size = ops.cast(ops.stack(shape), "float32")
            whole = ops.convert_to_tensor([1.0, 1.0, 0.0, 0.0])
            placements = ops.concatenate([whole, size])[None]
        boxes = restore(found["boxes"], self.bounding_box_format, shape, placements)
        return {**found, "boxes": boxes}

    def compute_output_spec(
        self, outputs: Any, images: Any, placements: Any = None
    ) -> dict[str, Any]:
        # How many rows the outputs have follows from the size of images: Keras can't
        # try it with a size of its own for each.
        size = (1, *(length or _SIZE for length in images.shape[1:3]), images.shape[3])
        found = super().compute_output_spec(
            {
                name: keras.KerasTensor(shape, outputs[name].dtype)
                for name, shape in self.shapes(size).items()
            },
            keras.KerasTensor(size, images.dtype),
            None if placements is None else keras.KerasTensor((1, 6), "float32"),
        )
        return {
            name: keras.KerasTensor((images.shape[0], *x.shape[1:]), x.dtype)
            for name, x in found.items()
        }


def placements_of(pixels: np.ndarray) -> np.ndarray:
    """Returns the placements of images that are taken as they are.

    Args:
        pixels: `(B, H, W, C)`.
    """
    whole = np.array([1, 1, 0, 0, *pixels.shape[1:3]], "float32")
    return np.tile(whole, (len(pixels), 1))


def restore(
    boxes: Any, bounding_box_format: str, shape: tuple[Any, Any], placements: Any
) -> Any:
    """Returns boxes in the images that pixels were made of, cut at their borders.

    Args:
        boxes: `(B, D, 4)` in pixels that the model took; -1 where there is none.
        bounding_box_format: of them, and of what is returned.
        shape: height and width of these pixels.
        placements: `(B, 6)`, see `ObjectDetectorPreprocessor.convert`; or `(1, 6)` of
            all images.
    """
    corners = convert_format(boxes, bounding_box_format, "xyxy", image_shape=shape)
    is_padding = ops.all(ops.equal(corners, PADDING), axis=-1, keepdims=True)
    scale, shift = (ops.tile(placements[:, None, i : i + 2], (1, 1, 2)) for i in (0, 2))
    sizes = placements[:, 4:]  # (B, 2): height, width
    limits = ops.tile(ops.flip(sizes, axis=-1)[:, None], (1, 1, 2))
    corners = ops.clip((corners - shift) / scale, 0.0, limits)
    corners = ops.where(is_padding, float(PADDING), corners)
    return convert_format(corners, "xyxy", bounding_box_format, image_shape=sizes)
