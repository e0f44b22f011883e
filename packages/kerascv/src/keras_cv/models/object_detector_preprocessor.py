"""Raw images and boxes to the input of an object detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from domain_core import Preprocessor, serializable
from domain_core.arguments import as_positive_int
from domain_core.images.converter import ImageConverter
from keras_cv.bounding_box.clip_to_image import clip_to_image
from keras_cv.bounding_box.convert_format import convert_format
from keras_cv.bounding_box.dense import to_dense
from keras_cv.bounding_box.formats import parse
from keras_cv.bounding_box.validate_format import validate_format

# The stride of the coarsest level that all detectors have.
_STRIDE = 32
# Boxes are padded to this number, or twice, four times, ... as many.
_FEWEST_BOXES = 16


@serializable(package="kerascv")
class ObjectDetectorPreprocessor(Preprocessor):
    """Brings images to one size without losing what is in them; boxes move along.

    With an `image_size` images are resized until they just fit, and filled up at the
    right and at the bottom. Without, they keep their pixels, and are filled up to the
    smallest size that takes all images of a batch, a multiple of 32: equal images of
    such a size stay as they are.

    Call arguments:
        x: images in any form that `ImageConverter` takes: arrays, PIL images, paths; or
            a dict with "images" and "bounding_boxes".
        y: dict with "boxes" and "classes", dense, ragged, or a list with rows for each
            image; in pixels of the images as they come, or relative to them.
        sample_weight: one number per image, passed on.

    Returns:
        Floats `(B, height, width, channels)`. With `y`, `(images, y)` or `(images, y,
        sample_weight)`, where `y` is dense, of the same format in the images returned:
        "boxes" `(B, N, 4)` and "classes" `(B, N)`, -1 where there is none.

    Args:
        image_converter: an `ImageConverter` that pads or stretches. Of one that crops,
            as image classifiers have, only `scale`, `mean`, `std` and `channels` are
            used. None for colour images in [0, 255].
        bounding_box_format: of boxes, see `keras_cv.bounding_box.convert_format`.
        image_size: `(height, width)` in pixels, or one number for both, instead of that
            of the converter.
        max_boxes: boxes per image `N`; more are dropped. None for 16, 32, 64, ..., as
            many as a batch needs.
        **kwargs: see `Preprocessor`.

    Raises:
        ValueError: if there is no such format, an image is broken, or boxes do not fit
            to the images.

    Example:
        >>> preprocessor = keras_cv.models.ObjectDetectorPreprocessor(
        ...     image_size=(64, 64), bounding_box_format="xywh", max_boxes=2
        ... )
        >>> images, boxes = preprocessor(
        ...     [np.zeros((32, 16, 3))], {"boxes": [[[0, 0, 8, 8]]], "classes": [[5]]}
        ... )
        >>> images.shape, boxes["boxes"].tolist()[0][0], boxes["classes"].tolist()
        ((1, 64, 64, 3), [0.0, 0.0, 16.0, 16.0], [[5.0, -1.0]])
    """

    def __init__(
        self,
        image_converter: ImageConverter | None = None,
        bounding_box_format: str = "xyxy",
        *,
        image_size: int | Sequence[int] | None = None,
        max_boxes: int | None = None,
        **kwargs: Any,
    ) -> None:
        if image_converter is not None and not isinstance(
            image_converter, ImageConverter
        ):
            raise ValueError(
                "Expected an ImageConverter or None, received "
                f"{image_converter!r:.200}. For images of one size pass "
                "`image_size=(640, 640)`."
            )
        parse(bounding_box_format)
        if max_boxes is not None:
            as_positive_int("max_boxes", max_boxes)
        super().__init__(**kwargs)
        self.image_converter = image_converter
        self.bounding_box_format = bounding_box_format
        self.image_size = image_size
        self.max_boxes = max_boxes
        crops = image_converter is not None and image_converter.crop_to_aspect_ratio
        self._keeps_size = image_size is None and (image_converter is None or crops)
        options: dict[str, Any] = {}
        if image_converter is not None:
            options = image_converter.current_arguments()
            options.pop("image_size")
        if image_converter is None or crops:
            for name in ("crop_to_aspect_ratio", "crop_ratio", "crop_first", "draft"):
                options.pop(name, None)
            options |= {
                "crop_to_aspect_ratio": False,
                "pad_to_aspect_ratio": True,
                "pad_position": "top_left",
            }
        known = None if image_converter is None else image_converter.image_size
        size = image_size or known or _STRIDE
        self._normalizer = ImageConverter(size, **options)
        for name in ("scale", "mean", "std"):
            options.pop(name, None)
        self._resizer = ImageConverter(size, **options)

    def __call__(self, x: Any, y: Any = None, sample_weight: Any = None) -> Any:
        images, boxes = split_boxes(x, y)
        pixels, placements = self.convert(images)
        if boxes is not None:
            boxes = self.pad(self.move(boxes, placements, pixels.shape))
        return keras.utils.pack_x_y_sample_weight(pixels, boxes, sample_weight)

    @property
    def target_size(self) -> tuple[int, int] | None:
        """Height and width that images are brought to; None if they keep theirs."""
        return None if self._keeps_size else self._resizer.image_size

    def convert(self, images: Any) -> tuple[np.ndarray, np.ndarray]:
        """Brings images to one size.

        Args:
            images: as of a call, without boxes.

        Returns:
            Floats `(B, height, width, channels)`, and float32 `(B, 6)`: what to
            multiply x and y of the image by and what to add then for those of the
            output (x, y, x, y), in pixels, and the image's height and width.

        Raises:
            ValueError: if an image is broken.
        """
        pixels, placements = self.resize(images)
        return self.normalize(pixels), placements

    def resize(self, images: Any) -> tuple[np.ndarray, np.ndarray]:
        """Does what `convert` does, but for scale, mean and standard deviation."""
        if not self._keeps_size:
            return self._resizer.convert_and_place(images)
        arrays = self._resizer.load(images)
        placements = [[1, 1, 0, 0, *array.shape[:2]] for array in arrays]
        pixels = _on_one_canvas(arrays, self._resizer.pad_value)
        return pixels, np.array(placements, "float32")

    def normalize(self, pixels: np.ndarray) -> np.ndarray:
        """Returns pixels in the values that the model takes."""
        return self._normalizer.normalize(pixels)

    def move(
        self, boxes: Any, placements: np.ndarray, shape: tuple[int, ...]
    ) -> dict[str, np.ndarray]:
        """Returns boxes where `convert` put what they are around.

        Args:
            boxes: dict, see the class.
            placements: the second that `convert` returned.
            shape: that of the first.

        Returns:
            Dense dict of float32; boxes are cut at the border, and what is not in the
            image at all is padding, -1.

        Raises:
            ValueError: if there are no boxes for each image, or keys are missing.
        """
        info = validate_format(boxes)
        dense = to_dense(dict(boxes))
        numbers, classes = (
            np.asarray(keras.ops.convert_to_numpy(dense[key]), "float32")
            for key in ("boxes", "classes")
        )
        if info["classes_one_hot"]:
            empty = (classes < 0).all(axis=-1)
            classes = np.where(empty, -1, classes.argmax(axis=-1)).astype("float32")
        if numbers.ndim != 3 or len(numbers) != len(placements):
            raise ValueError(
                f"Expected boxes (images, N, 4) for {len(placements)} images, received "
                f"the shape {numbers.shape}. Give an empty list of boxes for an image "
                "without any."
            )
        sizes = placements[:, 4:]
        numbers = convert_format(
            np.where(classes[..., None] < 0, -1, numbers),
            self.bounding_box_format,
            "xyxy",
            image_shape=np.concatenate([sizes, np.full((len(sizes), 1), 3)], axis=1),
        )
        is_box = (classes >= 0) & (numbers != -1).any(axis=-1)
        scale, shift = (np.tile(placements[:, i : i + 2], 2)[:, None] for i in (0, 2))
        moved = np.where(is_box[..., None], numbers * scale + shift, -1)
        inside = clip_to_image(
            {"boxes": moved, "classes": np.where(is_box, classes, -1)},
            "xyxy",
            image_shape=shape[1:],
        )
        return {
            "boxes": convert_format(
                inside["boxes"], "xyxy", self.bounding_box_format, image_shape=shape[1:]
            ),
            "classes": inside["classes"].astype("float32"),
        }

    def pad(self, boxes: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Returns dense boxes with as many rows as the class says, real ones first."""
        numbers, classes = boxes["boxes"], boxes["classes"]
        order = np.argsort(classes < 0, axis=1, kind="stable")
        ordered = {
            "boxes": np.take_along_axis(numbers, order[..., None], axis=1),
            "classes": np.take_along_axis(classes, order, axis=1),
        }
        count = int((classes >= 0).sum(axis=1).max(initial=0))
        return to_dense(ordered, max_boxes=self.max_boxes or _padded(count))


def split_boxes(x: Any, y: Any) -> tuple[Any, Any]:
    """Returns images and boxes, which may come in one dict, as in KerasCV.

    Raises:
        ValueError: if the dict has other keys, or there are boxes twice.
    """
    if not isinstance(x, Mapping):
        return x, y
    if not {"images"} <= set(x) <= {"images", "bounding_boxes"}:
        raise ValueError(
            'Expected images, or a dict with "images" and "bounding_boxes", received '
            f"one with {sorted(map(str, x))}. Rename or drop keys."
        )
    if y is not None and "bounding_boxes" in x:
        raise ValueError(
            'Expected boxes once, received "bounding_boxes" beside the images and `y` '
            "too. Drop one."
        )
    return x["images"], x.get("bounding_boxes", y)


def _padded(count: int) -> int:
    return max(_FEWEST_BOXES, 1 << (count - 1).bit_length() if count else 0)


def _on_one_canvas(arrays: Sequence[np.ndarray], pad_value: Any) -> np.ndarray:
    """Stacks images at the top left of the smallest common multiple of the stride."""
    sizes = np.array([image.shape[:2] for image in arrays])
    height, width = (-(-sizes.max(axis=0) // _STRIDE) * _STRIDE).tolist()
    if (sizes == (height, width)).all():
        return np.stack(arrays)
    shape = (len(arrays), height, width, arrays[0].shape[-1])
    is_whole = np.array_equal(pad_value, np.trunc(pad_value))
    dtype = np.result_type(*arrays) if is_whole else "float32"
    canvas = np.full(shape, pad_value, dtype)
    for target, image in zip(canvas, arrays, strict=True):
        target[: image.shape[0], : image.shape[1]] = image
    return canvas
