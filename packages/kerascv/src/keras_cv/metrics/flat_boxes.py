"""Boxes of all images in a line, without padding, read from any form they come in."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from domain_core.arrays import operations
from domain_core.arrays.host_call import is_ragged_tensor
from domain_core.pipeline.samples import as_numpy
from keras_cv.bounding_box import rows
from keras_cv.bounding_box.convert_format import convert_format
from keras_cv.bounding_box.formats import is_relative
from keras_cv.image_size import read_size

_CROWD = ("is_crowd", "iscrowd")  # ours, and COCO's


@dataclasses.dataclass(frozen=True)
class FlatBoxes:
    """Boxes of some images.

    Attributes:
        image_count: number of images, with those that have no boxes.
        images: int64 `(N,)`, number of the image of each box, rising.
        classes: int64 `(N,)`.
        boxes: float64 `(N, 4)`: left, top, width and height in pixels.
    """

    image_count: int
    images: np.ndarray
    classes: np.ndarray
    boxes: np.ndarray


@dataclasses.dataclass(frozen=True)
class GroundTruth(FlatBoxes):
    """Boxes that are there.

    Attributes:
        area: float64 `(N,)` in square pixels: of the object, or else of its box.
        is_crowd: bool `(N,)`, whether a box is around a group of objects.
    """

    area: np.ndarray
    is_crowd: np.ndarray


@dataclasses.dataclass(frozen=True)
class Detections(FlatBoxes):
    """Boxes that were found.

    Attributes:
        confidence: float64 `(N,)`.
    """

    confidence: np.ndarray


def read_ground_truth(y_true: Any, format: str, image_shape: Any) -> GroundTruth:
    """Reads true boxes.

    Args:
        y_true: see `coco_metrics`.
        format: of the boxes.
        image_shape: see `coco_metrics`.

    Raises:
        ValueError: if shapes do not fit, or a box is NaN.
    """
    values, lengths = _read(y_true, "y_true", ("area", *_CROWD))
    images, kept = _image_of_each(lengths), _is_there(values)
    if not np.isfinite(values["boxes"][kept]).all():
        raise ValueError(
            'Expected finite numbers in the "boxes" of `y_true`, received NaN or '
            "infinity. Drop such boxes, or write -1 over them and their classes."
        )
    boxes = _in_pixels(values["boxes"], format, image_shape, images, len(lengths))
    none = np.zeros(len(boxes))
    crowd = next((values[key] for key in _CROWD if key in values), none)
    area = values.get("area", boxes[:, 2] * boxes[:, 3])
    return GroundTruth(
        len(lengths),
        images[kept],
        values["classes"][kept],
        boxes[kept],
        area[kept].astype("float64"),
        crowd[kept] > 0,
    )


def read_detections(y_pred: Any, format: str, image_shape: Any) -> Detections:
    """Reads predicted boxes; those that are NaN are nowhere, and left out.

    Args:
        y_pred: see `coco_metrics`.
        format: of the boxes.
        image_shape: see `coco_metrics`.

    Raises:
        ValueError: if shapes do not fit, or there is no confidence.
    """
    values, lengths = _read(y_pred, "y_pred", ("confidence",))
    images, confidence = _image_of_each(lengths), values["confidence"]
    kept = _is_there(values) & (confidence >= 0)
    kept &= np.isfinite(values["boxes"]).all(axis=1)
    counts = _as_dict(y_pred, "y_pred").get("num_detections")
    if counts is not None:
        first = np.cumsum(lengths) - lengths
        counts = np.broadcast_to(_as_array(counts), len(lengths))
        kept &= np.arange(len(images)) - first[images] < counts[images]
    boxes = _in_pixels(values["boxes"], format, image_shape, images, len(lengths))
    return Detections(
        len(lengths),
        images[kept],
        values["classes"][kept],
        boxes[kept],
        confidence[kept].astype("float64"),
    )


def _read(
    bounding_boxes: Any, name: str, others: Sequence[str]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns the rows of all images by key, and how many each has, int64 `(B,)`."""
    given = _as_dict(bounding_boxes, name)
    required = {"boxes", "classes", *others} - {"area", *_CROWD}
    if not required <= given.keys():
        raise ValueError(
            f"Expected {sorted(required)} in `{name}`, received {sorted(given)}."
        )
    is_single = _is_single(given["boxes"])
    values, lengths = {}, np.zeros(0, "int64")
    for key in (key for key in ("boxes", "classes", *others) if key in given):
        values[key], counts = _rows([given[key]] if is_single else given[key], key)
        lengths = counts if key == "boxes" else lengths
        if not np.array_equal(counts, lengths):
            raise ValueError(
                f'Expected as many "{key}" as "boxes" for each image of `{name}`, '
                f"received {counts.tolist()!s:.80} and {lengths.tolist()!s:.80}."
            )
    if list(values["boxes"].shape[1:]) != [4]:
        raise ValueError(
            f'Expected "boxes" of `{name}` as (N, 4), (B, N, 4) or a list of (N, 4); '
            f"received rows of the shape {values['boxes'].shape[1:]}."
        )
    classes = values["classes"]
    if classes.ndim == 2:  # one-hot
        is_padding = (classes == rows.PADDING).all(axis=1)
        classes = np.where(is_padding, rows.PADDING, classes.argmax(axis=1))
    values["classes"] = classes.astype("int64")
    return values, lengths


def _as_dict(bounding_boxes: Any, name: str) -> Mapping[str, Any]:
    """Returns a dict, made of one for each image if that is what there is."""
    if isinstance(bounding_boxes, Mapping):
        return bounding_boxes
    items = bounding_boxes if isinstance(bounding_boxes, list | tuple) else ()
    if not items or not all(isinstance(item, Mapping) for item in items):
        raise ValueError(
            f'Expected `{name}` as a dict with "boxes" and "classes", or a list with '
            f"such a dict for each image; received {bounding_boxes!r:.200}."
        )
    if len({frozenset(item) for item in items}) > 1:
        raise ValueError(
            f"Expected the same keys for all images of `{name}`, received "
            f"{[sorted(item) for item in items]!s:.200}."
        )
    return {key: [item[key] for item in items] for key in items[0]}


def _is_single(boxes: Any) -> bool:
    """Whether boxes are `(N, 4)`, of one image."""
    if is_ragged_tensor(boxes) or rows.is_ragged(boxes):
        return False
    return np.ndim(boxes) == 2 if isinstance(boxes, list | tuple) else boxes.ndim == 2


def _rows(value: Any, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the rows of all images, and how many each has.

    Args:
        value: `(B, N, ...)`, a ragged tensor, or a list with `(N, ...)` of each image.
        key: of the value.
    """
    if is_ragged_tensor(value):
        if value.ragged_rank == 1:
            return value.values.numpy(), value.row_lengths().numpy()
        value = value.to_list()
    if not isinstance(value, list | tuple):
        array = _as_array(value)
        if array.ndim < 2:
            raise ValueError(
                f'Expected "{key}" with axes of images and boxes, as for "boxes", '
                f"received the shape {array.shape}."
            )
        batch, count = array.shape[:2]
        return array.reshape(-1, *array.shape[2:]), np.full(batch, count)
    images = [_as_array(image) for image in value]
    lengths = np.array([len(image) for image in images], "int64")
    # An empty list tells nothing about its rows.
    filled = [image for image in images if len(image)]
    nothing = np.zeros((0, 4) if key == "boxes" else 0)
    return np.concatenate(filled) if filled else nothing, lengths


def _as_array(value: Any) -> np.ndarray:
    if operations.is_backend_tensor(value):
        return keras.ops.convert_to_numpy(value)
    return as_numpy(value)


def _image_of_each(lengths: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(lengths)), lengths)


def _is_there(values: dict[str, np.ndarray]) -> np.ndarray:
    """Returns which rows are none of padding."""
    is_filled = rows.is_filled(values["boxes"], operations.NUMPY)
    return (values["classes"] >= 0) & ~is_filled


def _in_pixels(
    boxes: np.ndarray, format: str, image_shape: Any, images: np.ndarray, count: int
) -> np.ndarray:
    """Returns left, top, width and height in pixels, none below 0, float64 `(N, 4)`."""
    boxes = boxes.astype("float64")
    if image_shape is None or not is_relative(format):
        pixels = convert_format(boxes, format, "xywh", dtype=None)
    else:
        pixels = convert_format(
            boxes[:, None],  # of an image each
            format,
            "xywh",
            image_shape=_sizes(image_shape, count)[images],
            dtype=None,
        )[:, 0]
    pixels[:, 2:] = np.maximum(pixels[:, 2:], 0)
    return pixels


def _sizes(image_shape: Any, count: int) -> np.ndarray:
    """Returns height and width of each image, `(B, 2)`."""
    if not isinstance(image_shape, list | tuple):
        image_shape = _as_array(image_shape)
    size = np.stack(read_size(None, image_shape) or (), axis=-1)
    if size.ndim == 2 and len(size) != count:
        raise ValueError(
            "Expected `image_shape` as (height, width, channels) of all images, or one "
            f"such row for each of {count}; received {len(size)} rows."
        )
    return np.broadcast_to(size, (count, 2))
