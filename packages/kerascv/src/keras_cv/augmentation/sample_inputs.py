"""Reads samples in the forms in which users hand them over, and gives them back so."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from domain_core.arrays.host_call import is_ragged_tensor
from domain_core.arrays.operations import is_float, is_uint8
from domain_core.images.image_inputs import check_dtype, check_shape
from domain_core.pipeline.samples import as_numpy
from keras_cv.augmentation.batch import PADDING, Batch
from keras_cv.augmentation.engine import Engine
from keras_cv.augmentation.sample_shapes import (
    BOXES,
    IMAGES,
    KEYPOINTS,
    LABELS,
    MASKS,
    TARGETS,
    SampleShapes,
    box_dict,
    check_names,
    check_numbers,
    shape_of,
)

# OpenCV moves no integers of 64 bits.
_INT32 = np.iinfo(np.int32)


@dataclasses.dataclass(frozen=True)
class Form:
    """In which form samples came.

    Attributes:
        is_dict: whether in a dict; else as images alone.
        is_single: whether without the axis of the batch.
        labels_name: "labels" or "targets".
        masks_dtype: of masks that were read as another one, else None.
    """

    is_dict: bool
    is_single: bool
    labels_name: str = LABELS
    masks_dtype: Any = None

    def restore(self, batch: Batch) -> Any:
        """Returns a batch in this form."""

        def one(value: Any) -> Any:
            return value[0] if self.is_single else value

        if not self.is_dict:
            return one(batch.images)
        masks = batch.masks
        if self.masks_dtype is not None and not is_float(masks[0].dtype):
            masks = batch.engine.as_dtype(masks, self.masks_dtype)
        outputs: dict[str, Any] = {**batch.others, IMAGES: one(batch.images)}
        if batch.boxes is not None:
            labels = {name: one(value) for name, value in batch.box_labels.items()}
            outputs[BOXES] = {"boxes": one(batch.boxes), **labels}
        for name, value in (
            (self.labels_name, batch.labels),
            (MASKS, masks),
            (KEYPOINTS, batch.keypoints),
        ):
            if value is not None:
                outputs[name] = one(value)
        return outputs


def read(inputs: Any, engine: Engine) -> tuple[Batch, Form]:
    """Reads images, or a dict of images and labels.

    Args:
        inputs: images `(H, W, C)` or `(B, H, W, C)`, on the host also a list of images;
            or a dict that holds them as "images". Integers but uint8 become float32.
        engine: of the arrays; that of NumPy takes lists and arrays of all libraries.

    Raises:
        ValueError: if something is no image, or labels do not fit to the images.
    """
    is_dict = isinstance(inputs, Mapping)
    samples = dict(inputs) if is_dict else {IMAGES: inputs}
    check_names(samples)
    reader: Any = _HostReader if engine.on_host else _TensorReader
    images, is_single = reader.images(samples.pop(IMAGES), IMAGES, engine)
    labels_name = TARGETS if TARGETS in samples else LABELS
    read = reader(engine, is_single, images)
    labels = samples.pop(labels_name, None)
    keypoints = samples.pop(KEYPOINTS, None)
    masks = samples.pop(MASKS, None)
    boxes = samples.pop(BOXES, None)
    box_labels: dict[str, Any] = {}
    if boxes is not None:
        boxes, box_labels = read.boxes(boxes)
        boxes, box_labels = _known(boxes, box_labels, engine)
    if masks is not None:
        masks, masks_dtype = read.masks(masks, images)
    else:
        masks_dtype = None
    batch = Batch(
        engine,
        images,
        engine.sizes(images),
        None if labels is None else read.labels(labels, labels_name),
        boxes,
        box_labels,
        None if keypoints is None else read.points(keypoints),
        masks,
        samples,
        is_single,
    )
    return batch, Form(is_dict, is_single, labels_name, masks_dtype)


def read_index(index: Any, batch: Batch) -> Any:
    """Returns the number of the samples in their data set, one or an array of them.

    Raises:
        ValueError: if it is no integer, nor as many as there are images.
    """
    if index is None:
        return None
    if batch.engine.on_host or isinstance(index, list | tuple):
        index = np.asarray(index)
    shape = tuple(getattr(index, "shape", ()))
    count = batch.images.shape[0] if hasattr(batch.images, "shape") else len(batch)
    dtype = getattr(index, "dtype", type(index).__name__)
    does_fit = not shape or None in (shape[0], count) or shape[0] == count
    if "int" not in str(dtype) or len(shape) > 1 or not does_fit:
        raise ValueError(
            f"Expected `index` to be an integer, or one for each of {count} images; "
            f"received {dtype} of the shape {shape}."
        )
    return int(index) if isinstance(index, np.ndarray) and not shape else index


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
    def images(images: Any, name: str, engine: Engine) -> tuple[Any, bool]:
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
        check_shape(array.shape, f'"{name}"')
        check_dtype(array.dtype, f'"{name}"')
        array = _as_image(array)
        return (array[None], True) if array.ndim == 3 else (array, False)

    def labels(self, labels: Any, name: str) -> np.ndarray:
        try:
            array = as_numpy(labels) if not isinstance(labels, list) else labels
            array = _as_plain(np.asarray(array))
        except ValueError:
            raise ValueError(
                f'Expected "{name}" to be one number or one row per image, received '
                "rows of different lengths."
            ) from None
        array = array[None] if self._is_single else array
        if array.ndim not in (1, 2):
            raise ValueError(
                f'Expected "{name}" to be one number or one row per image, received '
                f"the shape {array.shape}."
            )
        self._check_count(array, name)
        return array

    def boxes(self, boxes: Any) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        boxes = box_dict(boxes)
        rows = self._rows(boxes.pop("boxes"), "boxes", 1, width=4)
        labels = {name: self._rows(boxes[name], name, 0, 1) for name in boxes}
        for name, values in labels.items():
            counts, expected = [len(x) for x in values], [len(x) for x in rows]
            if counts != expected:
                raise ValueError(
                    f'Expected as many "{name}" as "boxes" in "{BOXES}", received '
                    f"{counts[:8]} and {expected[:8]} per image."
                )
        return _padded(rows), {name: _padded(values) for name, values in labels.items()}

    def points(self, points: Any) -> np.ndarray:
        rows = self._rows(points, KEYPOINTS, 1)
        if rows[0].shape[-1] < 2:
            raise ValueError(
                f'Expected "{KEYPOINTS}" as (x, y) per point, received the shape '
                f"{rows[0].shape} for an image."
            )
        return _padded(rows)

    def masks(self, masks: Any, images: Any) -> tuple[Any, Any]:
        if self._is_single:
            masks = _as_plain(as_numpy(masks))[None]
        elif isinstance(masks, list | tuple):
            masks = [_as_plain(as_numpy(mask)) for mask in masks]
        else:
            masks = _as_plain(as_numpy(masks))
        self._check_count(masks, MASKS)
        dtype, without_channels = masks[0].dtype, masks[0].ndim == 2
        if dtype.kind not in "buif":
            raise ValueError(f'Expected "{MASKS}" to be numbers, received {dtype}.')
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
        if not masks[0].shape[-1]:
            raise ValueError(
                f'"{MASKS}" have no channels: their shape is {masks[0].shape}.'
            )
        if dtype.kind in "ui" and dtype.itemsize == 8:
            is_array = isinstance(masks, np.ndarray)
            return _as_int32(masks) if is_array else list(map(_as_int32, masks)), dtype
        return masks, None

    def _rows(
        self, value: Any, name: str, *axes: int, width: int | None = None
    ) -> list[np.ndarray]:
        """Splits what belongs to boxes or points by image.

        Args:
            value: of all images.
            name: for errors.
            *axes: how many may follow that of the boxes or points.
            width: how many numbers there are of each.
        """
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
        # Where an image has none, an empty list will do.
        shapes = {row.shape[1:] for row in rows if row.size} or {
            max(
                (row.shape[1:] for row in rows if row.ndim - 1 in axes),
                key=len,
                default=(width or 2,) * max(axes),
            )
        }
        shape = shapes.pop()
        if (
            shapes
            or len(shape) not in axes
            or (width and shape != (width,))
            or not all(row.ndim for row in rows)
        ):
            found = next((x.shape for x in rows if x.shape[1:] != shape), rows[0].shape)
            row = "numbers (x, y)" if axes == (1,) else "a number or a row"
            numbers = f"{width} numbers" if width else row
            raise ValueError(
                f'Expected "{name}" as {numbers} each, received the shape {found} for '
                "an image."
            )
        return [row if row.size else row.reshape(0, *shape) for row in rows]

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
        shape = tuple(images.shape)
        self._shapes = SampleShapes(shape[1:] if is_single else shape)

    @staticmethod
    def images(images: Any, name: str, engine: Engine) -> tuple[Any, bool]:
        if not hasattr(images, "shape") or is_ragged_tensor(images):
            raise ValueError(
                f'Expected "{name}" as one tensor of images of one size, received '
                f"{type(images).__name__}. Images of different sizes are for calls "
                "outside of models and graphs: pass a list of NumPy arrays."
            )
        shape = shape_of(images, name)
        check_shape(shape, f'"{name}"')
        check_dtype(images.dtype, f'"{name}"')
        if not is_uint8(images.dtype) and not is_float(images.dtype):
            images = engine.ops.cast(images, "float32")
        return (images[None], True) if len(shape) == 3 else (images, False)

    def labels(self, labels: Any, name: str) -> Any:
        labels = self._ops.convert_to_tensor(labels)
        self._shapes.check(name, labels)
        return self._batched(labels)

    def boxes(self, boxes: Any) -> tuple[Any, dict[str, Any]]:
        boxes = {
            name: self._floats(value, name) for name, value in box_dict(boxes).items()
        }
        self._shapes.check(BOXES, boxes)
        boxes = {name: self._batched(value) for name, value in boxes.items()}
        return boxes.pop("boxes"), boxes

    def points(self, points: Any) -> Any:
        points = self._floats(points, KEYPOINTS)
        self._shapes.check(KEYPOINTS, points)
        return self._batched(points)

    def masks(self, masks: Any, images: Any) -> tuple[Any, Any]:
        masks = self._ops.convert_to_tensor(masks)
        self._shapes.check(MASKS, masks)
        return self._batched(masks), None

    def _floats(self, value: Any, name: str) -> Any:
        if is_ragged_tensor(value):
            import tensorflow as tf

            value = tf.cast(value, "float32").to_tensor(default_value=PADDING)
        if isinstance(value, list | tuple) and not self._is_single:
            if len({tuple(getattr(row, "shape", ())) for row in value}) > 1:
                raise ValueError(
                    f'Expected "{name}" as one tensor, received a list of rows for '
                    "each image. Pad them: `keras_cv.bounding_box.to_dense`."
                )
        value = self._ops.convert_to_tensor(value)
        check_numbers(value, name)
        return self._ops.cast(value, "float32")

    def _batched(self, value: Any) -> Any:
        return value[None] if self._is_single else value


def _image(array: np.ndarray, name: str) -> np.ndarray:
    if array.ndim != 3 or not array.size:
        raise ValueError(
            f"Expected {name} to have the shape (height, width, channels), received "
            f"{array.shape}."
        )
    check_dtype(array.dtype, name)
    return _as_image(array)


def _as_image(array: np.ndarray) -> np.ndarray:
    """Returns uint8 as it is and other numbers as float32; see `_as_plain`."""
    if not is_uint8(array.dtype):
        array = array.astype("float32", copy=False)
    return _as_plain(array)


def _as_plain(array: np.ndarray) -> np.ndarray:
    """Returns an array that lies in memory as OpenCV wants it.

    It takes no views with steps back or of nothing, and no foreign order of bytes.
    """
    return np.ascontiguousarray(array, array.dtype.newbyteorder("="))


def _as_int32(mask: np.ndarray) -> np.ndarray:
    if mask.size and not _INT32.min <= mask.min() <= mask.max() <= _INT32.max:
        raise ValueError(
            f'Expected "{MASKS}" to hold numbers of 32 bits, received {mask.min()} to '
            f"{mask.max()}."
        )
    return mask.astype("int32")


def _known(
    boxes: Any, labels: dict[str, Any], engine: Engine
) -> tuple[Any, dict[str, Any]]:
    """Returns boxes and their labels, with padding for boxes that are no numbers."""
    ops = engine.ops
    is_known = ops.all(ops.isfinite(boxes), axis=-1)

    def known(values: Any) -> Any:
        mask = is_known if len(values.shape) == 2 else is_known[..., None]
        return ops.where(mask, values, PADDING)

    return known(boxes), {name: known(values) for name, values in labels.items()}


def _padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Stacks rows of any length, with -1 where they end."""
    width = max(len(row) for row in rows)
    dense = np.full((len(rows), width, *rows[0].shape[1:]), PADDING, "float32")
    for place, row in zip(dense, rows, strict=True):
        place[: len(row)] = row
    return dense
