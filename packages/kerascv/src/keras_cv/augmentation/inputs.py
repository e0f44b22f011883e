"""Reads samples in the forms in which users hand them over, and gives them back so."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from domain_core.pipeline.samples import as_numpy
from keras_cv.augmentation.batch import PADDING, Batch
from keras_cv.augmentation.tensor_engine import is_float, is_uint8

IMAGES, LABELS, BOXES = "images", "labels", "bounding_boxes"
MASKS, KEYPOINTS, TARGETS = "segmentation_masks", "keypoints", "targets"
_BOX_LABELS = ("classes", "confidence")


@dataclasses.dataclass(frozen=True)
class Form:
    """In which form samples came.

    Attributes:
        is_dict: whether in a dict; else as images alone.
        is_single: whether without the axis of the batch.
        labels_name: "labels" or "targets".
    """

    is_dict: bool
    is_single: bool
    labels_name: str = LABELS

    def restore(self, batch: Batch) -> Any:
        """Returns a batch in this form."""

        def one(value: Any) -> Any:
            return value[0] if self.is_single else value

        if not self.is_dict:
            return one(batch.images)
        outputs: dict[str, Any] = {**batch.others, IMAGES: one(batch.images)}
        if batch.boxes is not None:
            labels = {name: one(value) for name, value in batch.box_labels.items()}
            outputs[BOXES] = {"boxes": one(batch.boxes), **labels}
        for name, value in (
            (self.labels_name, batch.labels),
            (MASKS, batch.masks),
            (KEYPOINTS, batch.keypoints),
        ):
            if value is not None:
                outputs[name] = one(value)
        return outputs


def read(inputs: Any, engine: Any) -> tuple[Batch, Form]:
    """Reads images, or a dict of images and labels.

    Args:
        inputs: images `(H, W, C)` or `(B, H, W, C)`, on the host also a list of images;
            or a dict that holds them as "images".
        engine: of the arrays; that of NumPy takes lists and arrays of all libraries.

    Raises:
        ValueError: if something is no image, or labels do not fit to the images.
    """
    is_dict = isinstance(inputs, Mapping)
    samples = dict(inputs) if is_dict else {IMAGES: inputs}
    if IMAGES not in samples:
        raise ValueError(
            f'Expected a dict with "{IMAGES}", received one with {sorted(samples)}.'
        )
    if LABELS in samples and TARGETS in samples:
        raise ValueError(f'Expected one of "{LABELS}" and "{TARGETS}", received both.')
    reader: Any = _HostReader if engine.name == "numpy" else _TensorReader
    images, is_single = reader.images(samples.pop(IMAGES), IMAGES)
    labels_name = TARGETS if TARGETS in samples else LABELS
    read = reader(engine, is_single, images)
    labels = samples.pop(labels_name, None)
    keypoints = samples.pop(KEYPOINTS, None)
    masks = samples.pop(MASKS, None)
    boxes = samples.pop(BOXES, None)
    box_labels: dict[str, Any] = {}
    if boxes is not None:
        boxes, box_labels = read.boxes(boxes)
    batch = Batch(
        engine,
        images,
        engine.sizes(images),
        None if labels is None else read.labels(labels, labels_name),
        boxes,
        box_labels,
        None if keypoints is None else read.points(keypoints),
        None if masks is None else read.masks(masks, images),
        samples,
        is_single,
    )
    return batch, Form(is_dict, is_single, labels_name)


class _HostReader:
    """Reads arrays and lists of any library into NumPy.

    Args:
        engine: not used.
        is_single: whether there is no axis of the batch.
        images: of the batch.
    """

    def __init__(self, engine: Any, is_single: bool, images: Any) -> None:
        self._is_single = is_single
        self._count = len(images)

    @staticmethod
    def images(images: Any, name: str) -> tuple[Any, bool]:
        if isinstance(images, list | tuple):
            if not len(images):
                raise ValueError(f'"{name}" is empty: expected at least one image.')
            arrays = [
                _image(as_numpy(x), f'"{name}"[{i}]') for i, x in enumerate(images)
            ]
            if len({(x.shape, x.dtype) for x in arrays}) == 1:
                return np.stack(arrays), False
            if len({(x.shape[-1], x.dtype) for x in arrays}) != 1:
                raise ValueError(
                    f'Expected "{name}" to be of one dtype and number of channels, '
                    f"received {sorted({(str(x.dtype), x.shape[-1]) for x in arrays})}."
                )
            return arrays, False
        array = as_numpy(images)
        check_shape(array.shape, name)
        _check_pixels(array.shape, name)
        array = _numbers(array, f'"{name}"')
        return (array[None], True) if array.ndim == 3 else (array, False)

    def labels(self, labels: Any, name: str) -> np.ndarray:
        array = self._batched(labels)
        if array.ndim > 2:
            raise ValueError(
                f'Expected "{name}" to be one number or one row per image, received '
                f"the shape {array.shape}."
            )
        self._check_count(array, name)
        return array

    def boxes(self, boxes: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        boxes = _box_dict(boxes)
        rows = self._rows(boxes["boxes"], "boxes", width=4)
        labels = {
            name: self._rows(boxes[name], name) for name in boxes if name != "boxes"
        }
        for name, values in labels.items():
            counts, expected = [len(x) for x in values], [len(x) for x in rows]
            if counts != expected:
                raise ValueError(
                    f'Expected as many "{name}" as "boxes" in "{BOXES}", received '
                    f"{counts[:8]} and {expected[:8]} per image."
                )
        return _padded(rows, (4,)), {
            name: _padded(values, values[0].shape[1:])
            for name, values in labels.items()
        }

    def points(self, points: Any) -> np.ndarray:
        rows = self._rows(points, KEYPOINTS, width=None)
        if rows[0].ndim != 2 or rows[0].shape[-1] < 2:
            raise ValueError(
                f'Expected "{KEYPOINTS}" as (x, y) per point, received the shape '
                f"{rows[0].shape}."
            )
        return _padded(rows, rows[0].shape[1:])

    def masks(self, masks: Any, images: Any) -> Any:
        if self._is_single:
            masks = as_numpy(masks)[None]
        elif isinstance(masks, list | tuple):
            masks = [as_numpy(mask) for mask in masks]
        else:
            masks = as_numpy(masks)
        self._check_count(masks, MASKS)
        without_channels = masks[0].ndim == 2
        for mask, image in zip(masks, images, strict=True):
            if mask.ndim not in (2, 3) or mask.shape[:2] != image.shape[:2]:
                raise ValueError(
                    f'Expected "{MASKS}" as large as the images, {image.shape[:2]}, '
                    f"with an axis of channels; received {mask.shape}."
                )
        if without_channels:
            raise ValueError(
                f'Expected "{MASKS}" with an axis of channels, received the shape '
                f"{masks[0].shape} for an image: `mask[..., None]`."
            )
        return masks

    def _batched(self, value: Any) -> np.ndarray:
        array = as_numpy(value) if not isinstance(value, list) else np.asarray(value)
        return array[None] if self._is_single else array

    def _rows(self, value: Any, name: str, width: int | None = 0) -> list[np.ndarray]:
        """Splits what belongs to boxes or points by image."""
        if self._is_single:
            value = [value]
        try:
            rows = [
                np.asarray(
                    as_numpy(row) if hasattr(row, "__array__") else row, "float32"
                )
                for row in value
            ]
        except (TypeError, ValueError) as error:
            raise ValueError(f'Expected "{name}" to be numbers: {error}') from None
        self._check_count(rows, name)
        if width:
            rows = [row.reshape(0, width) if not row.size else row for row in rows]
            for row in rows:
                if row.ndim != 2 or row.shape[-1] != width:
                    raise ValueError(
                        f'Expected "{name}" as {width} numbers each, received the '
                        f"shape {row.shape} for an image."
                    )
        return rows

    def _check_count(self, values: Any, name: str) -> None:
        if len(values) != self._count:
            raise ValueError(
                f'Expected "{name}" for {self._count} images, received {len(values)}.'
            )


class _TensorReader:
    """Reads tensors, which are batched already or not at all.

    Shapes are checked as far as they are known.

    Args:
        engine: of the tensors.
        is_single: whether there is no axis of the batch.
        images: of the batch.
    """

    def __init__(self, engine: Any, is_single: bool, images: Any) -> None:
        self._ops = engine.ops
        self._is_single = is_single
        self._shape = tuple(images.shape)

    @staticmethod
    def images(images: Any, name: str) -> tuple[Any, bool]:
        if not hasattr(images, "shape") or hasattr(images, "row_lengths"):
            raise ValueError(
                f'Expected "{name}" as one tensor of images of one size, received '
                f"{type(images).__name__}. Images of different sizes are for calls "
                "outside of models and graphs: pass a list of NumPy arrays."
            )
        check_shape(tuple(images.shape), name)
        _check_pixels(tuple(images.shape), name)
        if not (is_uint8(images.dtype) or is_float(images.dtype)):
            raise _bad_dtype(f'"{name}"', images.dtype)
        return (images[None], True) if len(images.shape) == 3 else (images, False)

    def labels(self, labels: Any, name: str) -> Any:
        labels = self._batched(labels)
        self._check(labels, name, *([None] * (len(labels.shape) == 2)))
        return labels

    def boxes(self, boxes: Any) -> tuple[Any, dict[str, Any]]:
        boxes = _box_dict(boxes)
        rows = self._floats(boxes.pop("boxes"), "boxes")
        self._check(rows, "boxes", None, 4)
        labels = {name: self._floats(value, name) for name, value in boxes.items()}
        for name, values in labels.items():
            one_hot = [None] * (len(values.shape) == 3)
            self._check(values, name, rows.shape[1], *one_hot)
        return rows, labels

    def points(self, points: Any) -> Any:
        points = self._floats(points, KEYPOINTS)
        self._check(points, KEYPOINTS, None, None)
        return points

    def masks(self, masks: Any, images: Any) -> Any:
        masks = self._batched(masks)
        self._check(masks, MASKS, *self._shape[1:3], None)
        return masks

    def _check(self, value: Any, name: str, *axes: int | None) -> None:
        """Raises ValueError unless axes after that of the batch are as expected."""
        shape, expected = tuple(value.shape), (self._shape[0], *axes)
        if len(shape) != len(expected) or any(
            None not in pair and pair[0] != pair[1]
            for pair in zip(shape, expected, strict=True)
        ):
            lead = int(self._is_single)
            wanted = ", ".join("any" if x is None else str(x) for x in expected[lead:])
            raise ValueError(
                f'Expected "{name}" of the shape ({wanted}) for images of the shape '
                f"{self._shape[lead:]}, received {shape[lead:]}."
            )

    def _floats(self, value: Any, name: str) -> Any:
        if hasattr(value, "to_tensor") and hasattr(value, "row_lengths"):
            value = value.to_tensor(default_value=PADDING)
        if isinstance(value, list | tuple) and not self._is_single:
            if len({tuple(getattr(row, "shape", ())) for row in value}) > 1:
                raise ValueError(
                    f'Expected "{name}" as one tensor, received a list of rows for '
                    "each image. Pad them: `keras_cv.bounding_box.to_dense`."
                )
        return self._ops.cast(self._batched(value), "float32")

    def _batched(self, value: Any) -> Any:
        value = self._ops.convert_to_tensor(value)
        return value[None] if self._is_single else value


def check_shape(shape: tuple[int | None, ...], name: str) -> None:
    """Raises ValueError unless a shape is that of an image or of a batch."""
    if len(shape) not in (3, 4):
        advice = (
            "Add the axis of channels: `image[..., None]`." if len(shape) == 2 else ""
        )
        raise ValueError(
            f'Expected "{name}" to have the shape (height, width, channels) or '
            f"(batch, height, width, channels), received {tuple(shape)}. {advice}"
        )


def _image(array: np.ndarray, name: str) -> np.ndarray:
    if array.ndim != 3 or not array.size:
        raise ValueError(
            f"Expected {name} to have the shape (height, width, channels), received "
            f"{array.shape}."
        )
    return _numbers(array, name)


def _numbers(array: np.ndarray, name: str) -> np.ndarray:
    """Returns uint8 as it is and floats as float32."""
    if is_uint8(array.dtype):
        return array
    if not is_float(array.dtype):
        raise _bad_dtype(name, array.dtype)
    return array.astype("float32", copy=False)


def _check_pixels(shape: tuple[int | None, ...], name: str) -> None:
    if 0 in shape:
        raise ValueError(f'"{name}" has no pixels: its shape is {shape}. Drop it.')


def _bad_dtype(name: str, dtype: Any) -> ValueError:
    return ValueError(
        f"Expected {name} to be uint8 or float, received {dtype}. Convert it with "
        "`astype`, scaled to the range of values you use."
    )


def _box_dict(boxes: Any) -> dict[str, Any]:
    if not isinstance(boxes, Mapping) or not {"boxes", "classes"} <= set(boxes):
        found = sorted(boxes) if isinstance(boxes, Mapping) else type(boxes).__name__
        raise ValueError(
            f'Expected "{BOXES}" to be a dict with "boxes" and "classes", received '
            f"{found}."
        )
    return dict(boxes)


def _padded(rows: Sequence[np.ndarray], shape: tuple[int, ...]) -> np.ndarray:
    """Stacks rows of any length, with -1 where they end."""
    width = max(len(row) for row in rows)
    dense = np.full((len(rows), width, *shape), PADDING, "float32")
    for place, row in zip(dense, rows, strict=True):
        place[: len(row)] = row
    return dense
