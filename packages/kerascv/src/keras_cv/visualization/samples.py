"""Reads images and what belongs to them, in the forms in which users have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from domain_core.arrays.host_call import is_ragged_tensor
from domain_core.pipeline.samples import as_numpy
from keras_cv.bounding_box import rows
from keras_cv.bounding_box.convert_format import convert_format
from keras_cv.bounding_box.validate_format import validate_format
from keras_cv.value_range import as_value_range

_KEYS = ("images", "image")


def take_samples(
    images: Any, count: int | None = None
) -> tuple[list[np.ndarray], dict[str, list[Any]]]:
    """Returns the first images, and what came with them.

    Args:
        images: an array or tensor `(B, H, W, C)` or `(H, W, C)`, a list of images, a
            dict of them as "images" or "image"; or a data set or loader of such, of
            batches or single ones.
        count: how many to return at most. None for all, of a data set for the first
            batch, or the first nine of single images.

    Returns:
        Images `(H, W, C)`; and by its key what else the dict held, one entry for each
        image.

    Raises:
        ValueError: if there are no images.
    """
    if isinstance(images, Mapping) or not _is_stream(images):
        return _of_batch(images, count)
    found: list[np.ndarray] = []
    others: dict[str, list[Any]] = {}
    for element in images:
        if isinstance(element, tuple):
            element = element[0]
        is_single = len(np.shape(_images_of(element))) == 3
        left = None if count is None else count - len(found)
        more, more_others = _of_batch(element, left)
        found += more
        for key, values in more_others.items():
            others.setdefault(key, []).extend(values)
        if len(found) >= (count or (9 if is_single else 1)):
            break
    if not found:
        raise ValueError("Expected at least one image, received an empty data set.")
    return found, others


def _is_stream(images: Any) -> bool:
    return not isinstance(images, list | tuple) and not hasattr(images, "shape")


def _images_of(batch: Any) -> Any:
    if not isinstance(batch, Mapping):
        return batch
    key = next((key for key in _KEYS if key in batch), None)
    if key is None:
        raise ValueError(
            f'Expected a dict with "images" or "image", received {sorted(batch)}.'
        )
    return batch[key]


def _of_batch(
    batch: Any, count: int | None
) -> tuple[list[np.ndarray], dict[str, list[Any]]]:
    images = _images_of(batch)
    is_ragged = is_ragged_tensor(images)
    is_single = (
        not isinstance(images, list | tuple) and not is_ragged and np.ndim(images) == 3
    )
    if is_ragged:
        images = [image.to_tensor() for image in images]
    parts = [images] if is_single else images
    arrays = [_image(as_numpy(image)) for image in parts[:count]]
    if not arrays:
        raise ValueError("Expected at least one image, received none.")
    others: dict[str, list[Any]] = {}
    if isinstance(batch, Mapping):
        others = {
            key: _split(value, is_single)[: len(arrays)]
            for key, value in batch.items()
            if key not in _KEYS
        }
    return arrays, others


def _image(image: np.ndarray) -> np.ndarray:
    if image.ndim != 3 or image.shape[-1] not in (1, 3, 4) or not image.size:
        raise ValueError(
            "Expected images (height, width, channels) with 1, 3 or 4 channels, or a "
            f"batch of them; received one of shape {image.shape}."
        )
    return image


def _split(value: Any, is_single: bool) -> list[Any]:
    """Returns what belongs to each image."""
    if isinstance(value, Mapping):
        parts = {key: _split(item, is_single) for key, item in value.items()}
        counts = {len(part) for part in parts.values()}
        return [
            {key: part[place] for key, part in parts.items()}
            for place in range(min(counts, default=0))
        ]
    if is_single:
        return [value]
    # What belongs to the whole batch is of no use here.
    return list(value) if np.ndim(value) or isinstance(value, list) else []


def to_uint8(image: np.ndarray, value_range: Sequence[float]) -> np.ndarray:
    """Returns an image as uint8 `(H, W, 3)`, made of values in a range.

    Raises:
        ValueError: if the range is none, or that of other images.
    """
    low, high = as_value_range(value_range)
    if image.dtype.kind in "iu" and image.max() > high:
        raise ValueError(
            f"Expected values up to {high:g}, as `value_range` says; received an image "
            f"of {image.dtype} up to {image.max()}. Pass value_range=(0, 255)."
        )
    if image.dtype != np.uint8 or (low, high) != (0.0, 255.0):
        scaled = (image.astype("float32") - low) * (255.0 / (high - low))
        image = np.rint(np.clip(np.nan_to_num(scaled), 0, 255)).astype("uint8")
    channels = image.shape[-1]
    return np.repeat(image, 3, axis=-1) if channels == 1 else image[..., :3]


def boxes_of(
    bounding_boxes: Any,
    bounding_box_format: str,
    images: Sequence[np.ndarray],
    name: str,
) -> list[dict[str, np.ndarray]]:
    """Returns the boxes of each image, xyxy in pixels, without padding.

    Args:
        bounding_boxes: dict of "boxes" and "classes", and "confidence" if there is any,
            dense, ragged or lists; or a list with a dict for each image.
        bounding_box_format: theirs.
        images: `(H, W, C)` each.
        name: of the argument, for errors.

    Raises:
        ValueError: if there are not as many as images.
    """
    if isinstance(bounding_boxes, Mapping):
        validate_format(bounding_boxes, name)
        parts = {
            key: _per_image(bounding_boxes[key], len(images), name)
            for key in ("boxes", "classes", "confidence")
            if key in bounding_boxes
        }
        items = [
            {key: part[place] for key, part in parts.items()}
            for place in range(len(images))
        ]
    else:
        items = list(bounding_boxes)[: len(images)]
    if len(items) != len(images):
        raise ValueError(
            f"Expected `{name}` for {len(images)} images, received {len(items)}."
        )
    return [
        _one(item, bounding_box_format, image, name)
        for item, image in zip(items, images, strict=True)
    ]


def _per_image(value: Any, count: int, name: str) -> list[np.ndarray]:
    value = rows.to_array(value) if not rows.is_ragged(value) else value
    if not isinstance(value, list | tuple) and not is_ragged_tensor(value):
        array = as_numpy(value)
        if array.ndim == 1 or (array.ndim == 2 and count == 1 and len(array) != 1):
            array = array[None]
        value = array
    items = [as_numpy(value[place]) for place in range(min(len(value), count))]
    if len(items) != count:
        raise ValueError(
            f"Expected `{name}` for {count} images, received {len(items)}."
        )
    return items


def _one(item: Any, format: str, image: np.ndarray, name: str) -> dict[str, np.ndarray]:
    validate_format(item, name)
    boxes = as_numpy(item["boxes"]).astype("float32").reshape(-1, 4)
    boxes = convert_format(boxes, format, "xyxy", image_shape=image.shape)
    classes = as_numpy(item["classes"])
    if classes.ndim == 2:  # one-hot
        is_padding = (classes == rows.PADDING).all(axis=-1)
        classes = np.where(is_padding, rows.PADDING, classes.argmax(axis=-1))
    kept = (classes != rows.PADDING) & np.isfinite(boxes).all(axis=-1)
    found = {"boxes": boxes[kept], "classes": classes[kept].astype("int64")}
    if "confidence" in item:
        confidence = as_numpy(item["confidence"])
        if confidence.ndim == 2:
            confidence = confidence.max(axis=-1)
        found["confidence"] = confidence[kept]
    return found
